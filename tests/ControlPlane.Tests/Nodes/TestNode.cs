using System.Buffers.Text;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ControlPlane.Contracts;

namespace ControlPlane.Tests.Nodes;

/// <summary>What a token claims; tests bend one claim at a time.</summary>
internal sealed record TokenClaims(string Method, string Target, byte[] Body, long Issued, long Expires)
{
    /// <summary>One or several.</summary>
    public object Audience { get; init; } = NodeToken.Audience;

    public string Algorithm { get; init; } = "ES256";

    public string Type { get; init; } = NodeToken.Type;
}

/// <summary>The agent's side of the wire, in as few lines as a test needs.</summary>
internal sealed class TestNode(HttpClient http, TimeProvider time, string name)
{
    private long _report;

    public ECDsa SigningKey { get; set; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public ECDiffieHellman SealingKey { get; } = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);

    public EnrolResponse Identity { get; private set; } = null!;

    public Guid Id => Identity.Node;

    public EnrolRequest Request(string code) => new(
        code, name, SigningKey.ExportSubjectPublicKeyInfo(), SealingKey.ExportSubjectPublicKeyInfo(), "127.0.0.1:8080",
        "1.0");

    public async Task EnrolAsync(string code)
    {
        using var answer = await http.PostAsJsonAsync(Routes.Enrol, Request(code), ContractsJson.Default.EnrolRequest);
        answer.EnsureSuccessStatusCode();
        Identity = (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.EnrolResponse))!;
    }

    public string KeyId => NodeKeys.IdOf(SigningKey.ExportSubjectPublicKeyInfo());

    public TokenClaims Claims(string method, string target, byte[] body)
    {
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        return new TokenClaims(method, target, body, now, now + 60);
    }

    public string Sign(TokenClaims claims, ECDsa? with = null)
    {
        var header = Encode(new { alg = claims.Algorithm, typ = claims.Type, kid = KeyId });
        var payload = Encode(new
        {
            aud = claims.Audience,
            iat = claims.Issued,
            exp = claims.Expires,
            htm = claims.Method,
            htt = claims.Target,
            bsh = NodeToken.DigestOf(claims.Body),
        });
        var signature = claims.Algorithm == "none"
            ? ""
            : Base64Url.EncodeToString((with ?? SigningKey).SignData(
                Encoding.ASCII.GetBytes($"{header}.{payload}"), HashAlgorithmName.SHA256));
        return $"{header}.{payload}.{signature}";
    }

    public Task<HttpResponseMessage> SendAsync(string method, string target, byte[]? body = null) =>
        SendAsync(method, target, body, Sign(Claims(method, target, body ?? [])));

    public async Task<HttpResponseMessage> SendAsync(string method, string target, byte[]? body, string token)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), target);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        return await http.SendAsync(request);
    }

    public async Task<DesiredStatePage> PollAsync(string? since = null, int wait = 0)
    {
        using var answer = await SendAsync(
            "GET", $"{Routes.DesiredState}?wait={wait}" + (since is null ? "" : $"&since={since}"));
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.DesiredStatePage))!;
    }

    public Task<HttpResponseMessage> FetchAsync(IReadOnlyList<Guid> domains, params string[] chains) => SendAsync(
        "POST",
        Routes.FetchBundles,
        JsonSerializer.SerializeToUtf8Bytes(
            new FetchBundlesRequest(domains, chains), ContractsJson.Default.FetchBundlesRequest));

    public async Task<FetchBundlesResponse> FetchedAsync(IReadOnlyList<Guid> domains, params string[] chains)
    {
        using var answer = await FetchAsync(domains, chains);
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.FetchBundlesResponse))!;
    }

    /// <summary>As an agent that has recorded everything.</summary>
    public async Task<ObservedStateReceipt> ReportAsync(bool synced, params ObservedDomain[] rows)
    {
        var page = await PollAsync();
        return await ReportAsync(++_report, synced, page.Epoch, page.Revision, rows);
    }

    public async Task<ObservedStateReceipt> ReportAsync(
        long number, bool synced, long epoch, long revision, params ObservedDomain[] rows)
    {
        var report = new ObservedStateReport(
            number, epoch, revision, synced, new HAProxyProcess("2.6.12", 4711, time.GetUtcNow()), "1.0", rows);
        return await ReportAsync(report);
    }

    public async Task<ObservedStateReceipt> ReportAsync(ObservedStateReport report)
    {
        using var answer = await SendAsync(
            "PUT",
            Routes.ObservedState,
            JsonSerializer.SerializeToUtf8Bytes(report, ContractsJson.Default.ObservedStateReport));
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.ObservedStateReceipt))!;
    }

    private static string Encode(object part) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(part));
}
