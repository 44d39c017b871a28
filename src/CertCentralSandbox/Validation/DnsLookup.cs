using System.Net;
using ControlPlane.Dns;

namespace CertCentralSandbox.Validation;

/// <summary>
/// What the validation perspectives ask the DNS. Nothing is cached, because a CA must see what is there now. Time-outs
/// and tries are the DNS client's (4 s at worst); no further retry, the polling schedule asks again.
/// </summary>
internal sealed class DnsLookup(SandboxOptions options, TimeProvider time)
{
    private readonly DnsClient _dns = new(new DnsClientOptions { Servers = [options.Dns] }, time);

    /// <summary>IPv4 addresses at the end of the name's CNAME chain (A only, as DigiCert's own library asks); empty
    /// when there are none.</summary>
    /// <exception cref="IOException">The server could not be asked.</exception>
    public async Task<IReadOnlyList<IPAddress>> AddressesAsync(string name, CancellationToken cancellation) =>
        [.. (await AskAsync(name, DnsRecordType.A, cancellation)).OfType<AddressRecord>().Select(r => r.Address)];

    /// <summary>TXT values of the name.</summary>
    /// <exception cref="IOException">The server could not be asked.</exception>
    public async Task<IReadOnlyList<string>> TextsAsync(string name, CancellationToken cancellation) =>
        [.. (await AskAsync(name, DnsRecordType.TXT, cancellation)).OfType<TxtRecord>().Select(r => r.Text)];

    /// <summary>Targets of the name's own CNAME record.</summary>
    /// <exception cref="IOException">The server could not be asked.</exception>
    public async Task<IReadOnlyList<string>> AliasesAsync(string name, CancellationToken cancellation) =>
        [.. (await AskAsync(name, DnsRecordType.CNAME, cancellation)).OfType<CnameRecord>().Select(r => r.Target)];

    private async Task<IReadOnlyList<DnsRecord>> AskAsync(
        string name, DnsRecordType type, CancellationToken cancellation)
    {
        var answer = await _dns.ResolveAsync(name, type, cancellation);
        return answer.IsFact ? answer.Records : throw new IOException(answer.Detail);
    }
}
