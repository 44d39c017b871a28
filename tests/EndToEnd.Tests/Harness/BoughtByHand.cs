using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace EndToEnd.Tests.Harness;

/// <summary>A certificate as somebody buys it at the CA's own pages: our program has no part in it.</summary>
/// <param name="Hostname">Its name.</param>
/// <param name="Key">Its private key.</param>
/// <param name="Chain">The CA's PEM: leaf, then intermediates.</param>
/// <param name="Order">The order at the CA.</param>
internal sealed record BoughtByHand(string Hostname, ECDsa Key, string Chain, string Order)
{
    private const string Product = "ssl_dv_geotrust";

    // 10 s: on loopback an answer takes milliseconds, but two cores may be busy signing.
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(10) };

    public string Pkcs8 => Key.ExportPkcs8PrivateKeyPem() + "\n";

    public string Sec1 => Key.ExportECPrivateKeyPem() + "\n";

    public string Fingerprint
    {
        get
        {
            using var leaf = X509Certificate2.CreateFromPem(Chain);
            return Convert.ToHexStringLower(SHA256.HashData(leaf.RawData));
        }
    }

    /// <summary>Orders, puts the token where the nodes show it, and waits for the certificate.</summary>
    public static async Task<BoughtByHand> BuyAsync(TestFleet test, string hostname, CancellationToken ct)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var csr = new CertificateRequest($"CN={hostname}", key, HashAlgorithmName.SHA256).CreateSigningRequestPem();
        var placed = await AskAsync(test, HttpMethod.Post, $"order/certificate/{Product}", new
        {
            certificate = new
            {
                common_name = hostname,
                dns_names = new[] { hostname },
                csr,
                signature_hash = "sha256",
            },
            order_validity = new { years = 1 },
            dcv_method = "http-token",
            skip_approval = true,
            payment_method = "balance",
        }, ct);
        var order = placed.GetProperty("id").ToString();
        var tokens = Directory.CreateDirectory(Path.Combine(test.Fleet.Layout.Tokens, hostname)).FullName;
        var tomorrow = TimeProvider.System.GetUtcNow().AddDays(1);
        await File.WriteAllTextAsync(
            Path.Combine(tokens, "1"),
            $"{placed.GetProperty("dcv_random_value")}\nexpires={tomorrow:yyyy-MM-ddTHH:mm:ssZ}\n", ct);
        var told = default(JsonElement);
        await Eventually.TrueAsync(
            async () =>
            {
                await TryAsync(test, HttpMethod.Put, $"order/certificate/{order}/check-dcv", new { }, ct);
                told = await AskAsync(test, HttpMethod.Get, $"order/certificate/{order}", null, ct);
                return told.GetProperty("status").GetString() == "issued";
            },
            () => $"The CA did not issue {hostname}: {told}");
        Directory.Delete(tokens, recursive: true);
        var certificate = told.GetProperty("certificate").GetProperty("id");
        using var answer = await TryAsync(
            test, HttpMethod.Get, $"certificate/{certificate}/download/format/pem_noroot", null, ct);
        var chain = await answer.EnsureSuccessStatusCode().Content.ReadAsStringAsync(ct);
        return new BoughtByHand(hostname, key, chain.ReplaceLineEndings("\n").Trim() + "\n", order);
    }

    private static async Task<JsonElement> AskAsync(
        TestFleet test, HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var answer = await TryAsync(test, method, path, body, ct);
        var text = await answer.Content.ReadAsStringAsync(ct);
        Assert.True(answer.IsSuccessStatusCode, $"{method} {path}: {text}");
        return JsonDocument.Parse(text).RootElement.Clone();
    }

    private static async Task<HttpResponseMessage> TryAsync(
        TestFleet test, HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, $"{test.Fleet.Sandbox.Url}/services/v2/{path}");
        request.Headers.Add("X-DC-DEVKEY", test.Fleet.Sandbox.ApiKey);
        request.Content = body is null ? null : JsonContent.Create(body);
        return await Http.SendAsync(request, ct);
    }
}
