using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace ControlPlane.CertificateAuthorities.Acme;

/// <summary>An order or what belongs to it, and when the CA would have it read again.</summary>
internal readonly record struct AcmeRead<T>(T Value, TimeSpan? RetryAfter);

/// <summary>A chain as it was downloaded, PEM, and where its alternatives are.</summary>
internal sealed record AcmeChain(string Pem, IReadOnlyList<Uri> Alternates);

/// <summary>The typed client: bodies and answers here, signing and sending in <see cref="AcmeWire"/>.</summary>
internal sealed class AcmeClient(AcmeWire wire, AcmeAccounts accounts, AcmeOptions options, TimeProvider time)
{
    /// <summary>A CA moves its addresses with months of notice; an hour also finds terms that changed.</summary>
    private static readonly TimeSpan DirectoryAge = TimeSpan.FromHours(1);

    private static readonly AcmeJson Json = AcmeJson.Default;

    private (AcmeDirectory Directory, long ReadAt)? _directory;

    /// <summary>The longest a call takes; the first one reads the directory and makes the account besides.</summary>
    public TimeSpan Longest => wire.Longest;

    public async Task<AcmeDirectory> DirectoryAsync(CancellationToken ct)
    {
        if (_directory is { } known && time.GetElapsedTime(known.ReadAt) < DirectoryAge)
        {
            return known.Directory;
        }

        var reply = await wire.GetAsync(AcmeRoute.Directory, options.Directory!, ct);
        var directory = wire.Read(AcmeRoute.Directory, reply, Json.AcmeDirectory);
        _directory = (directory, time.GetTimestamp());
        return directory;
    }

    /// <summary>The account's thumbprint, which key authorizations end in.</summary>
    public async Task<string> ThumbprintAsync(CancellationToken ct) =>
        (await accounts.OpenAsync(await DirectoryAsync(ct), ct)).Key.Thumbprint;

    /// <summary>An update of the account that changes nothing (RFC 8555 §7.3.2).</summary>
    public async Task ProbeAsync(CancellationToken ct)
    {
        var account = await accounts.OpenAsync(await DirectoryAsync(ct), ct);
        await PostAsync(new AcmeCall(AcmeRoute.Read, account.Url, "{}"u8.ToArray()), ct);
    }

    /// <summary>Places an order.</summary>
    /// <returns>Its address, which must be kept.</returns>
    public async Task<Uri> NewOrderAsync(
        string hostname, string? replaces, CallPriority priority, CancellationToken ct)
    {
        var directory = await DirectoryAsync(ct);
        var body = new NewOrderBody([new AcmeIdentifier("dns", hostname)]) { Replaces = replaces };
        var call = new AcmeCall(
            AcmeRoute.NewOrder, Named(directory.NewOrder, "newOrder"), Bytes(body, Json.NewOrderBody))
        {
            Priority = priority,
        };
        var reply = await PostAsync(call, ct);
        return reply.Location
            ?? throw AcmeProblems.NoAnswer(options.Name, AcmeRoute.NewOrder, "it took an order without naming it");
    }

    public Task<AcmeRead<AcmeOrder>> OrderAsync(Uri order, CancellationToken ct) =>
        ReadAsync(order, Json.AcmeOrder, ct);

    public Task<AcmeRead<AcmeAuthorization>> AuthorizationAsync(Uri authorization, CancellationToken ct) =>
        ReadAsync(authorization, Json.AcmeAuthorization, ct);

    /// <summary>Tells the CA that the token is there (RFC 8555 §7.5.1).</summary>
    public async Task<AcmeRead<AcmeChallenge>> AnswerAsync(Uri challenge, CancellationToken ct)
    {
        var reply = await PostAsync(new AcmeCall(AcmeRoute.Challenge, challenge, "{}"u8.ToArray()), ct);
        return new(wire.Read(AcmeRoute.Challenge, reply, Json.AcmeChallenge), reply.RetryAfter);
    }

    public async Task<AcmeRead<AcmeOrder>> FinalizeAsync(Uri finalize, byte[] csr, CancellationToken ct)
    {
        var body = Bytes(new FinalizeBody(Base64Url.EncodeToString(csr)), Json.FinalizeBody);
        var reply = await PostAsync(new AcmeCall(AcmeRoute.Finalize, finalize, body), ct);
        return new(wire.Read(AcmeRoute.Finalize, reply, Json.AcmeOrder), reply.RetryAfter);
    }

    public async Task<AcmeChain> ChainAsync(Uri certificate, CancellationToken ct)
    {
        var call = new AcmeCall(AcmeRoute.Read, certificate, []) { Accept = "application/pem-certificate-chain" };
        var reply = await PostAsync(call, ct);
        return new AcmeChain(Encoding.ASCII.GetString(reply.Body), reply.Alternates);
    }

    public async Task RevokeAsync(byte[] leaf, RevocationReason reason, CancellationToken ct)
    {
        var directory = await DirectoryAsync(ct);
        var body = Bytes(new RevokeCertBody(Base64Url.EncodeToString(leaf), (int)reason), Json.RevokeCertBody);
        // Thousands may come at once, after a ban or with a campaign: they leave new domains their part.
        await PostAsync(
            new AcmeCall(AcmeRoute.Revoke, Named(directory.RevokeCert, "revokeCert"), body)
            {
                Priority = CallPriority.Renewal,
            },
            ct);
    }

    /// <summary>The renewal window of a certificate; null: this CA has none (RFC 9773).</summary>
    public async Task<AcmeRead<RenewalAnswer>?> RenewalAsync(string certificate, CancellationToken ct)
    {
        if ((await DirectoryAsync(ct)).RenewalInfo is not { } renewals)
        {
            return null;
        }

        var url = new Uri($"{renewals.AbsoluteUri.TrimEnd('/')}/{certificate}");
        var reply = await wire.GetAsync(AcmeRoute.RenewalInfo, url, ct);
        return new(wire.Read(AcmeRoute.RenewalInfo, reply, Json.RenewalAnswer), reply.RetryAfter);
    }

    private static byte[] Bytes<T>(T body, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(body, type);

    private Uri Named(Uri? url, string name) =>
        url ?? throw AcmeProblems.NoAnswer(options.Name, AcmeRoute.Directory, $"it names no {name}");

    /// <summary>POST-as-GET (RFC 8555 §6.3).</summary>
    private async Task<AcmeRead<T>> ReadAsync<T>(Uri url, JsonTypeInfo<T> type, CancellationToken ct)
    {
        var reply = await PostAsync(new AcmeCall(AcmeRoute.Read, url, []), ct);
        return new(wire.Read(AcmeRoute.Read, reply, type), reply.RetryAfter);
    }

    private async Task<AcmeReply> PostAsync(AcmeCall call, CancellationToken ct)
    {
        var directory = await DirectoryAsync(ct);
        var account = await accounts.OpenAsync(directory, ct);
        try
        {
            return await wire.PostAsync(call, account.Key, account.Url, directory, ct);
        }
        catch (CertificateAuthorityException fault) when (fault.Code == AcmeProblems.AccountDoesNotExist)
        {
            await accounts.ForgetAsync(account, ct);
            throw;
        }
    }
}
