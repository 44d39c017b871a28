using System.Net;
using ControlPlane.Dns;

namespace LocalFleet.StandIns;

/// <summary>
/// A <b>stand-in</b> for the public DNS: every name under <see cref="LocalNames.Customers"/> is a CNAME to the fleet's
/// target, which is 127.0.0.1, as is every name below the target, each of which may be a tenant's own. What is set in
/// <see cref="Table"/> goes first, so that a drill can point a name elsewhere.
/// </summary>
internal sealed class LocalDns : IAsyncDisposable
{
    // 5 s: long enough to be cached for one look-up, short enough that a drill sees its change.
    private const uint Ttl = 5;

    private readonly DnsServer _server;

    public LocalDns(int port, TextWriter log) => _server = DnsServer.Start(
        new IPEndPoint(IPAddress.Loopback, port), Answer, onFault: fault => log.WriteLine($"stand-in DNS: {fault}"));

    public DnsTable Table { get; } = new();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private DnsReply Answer(DnsQuestion question)
    {
        if (Table.Answer(question) is { Code: DnsResponseCode.NoError } known)
        {
            return known;
        }

        var edge = new AddressRecord(LocalNames.Edge, Ttl, IPAddress.Loopback);
        var asksAddress = question.Type == edge.Type;
        if (DnsName.Comparer.Equals(question.Name, LocalNames.Edge)
            || question.Name.EndsWith("." + LocalNames.Edge, StringComparison.OrdinalIgnoreCase))
        {
            return new DnsReply { Answers = asksAddress ? [edge with { Name = question.Name }] : [] };
        }

        if (!question.Name.EndsWith("." + LocalNames.Customers, StringComparison.OrdinalIgnoreCase))
        {
            return DnsReply.NoSuchName;
        }

        var alias = new CnameRecord(question.Name, Ttl, LocalNames.Edge);
        return new DnsReply { Answers = asksAddress ? [alias, edge] : [alias] };
    }
}
