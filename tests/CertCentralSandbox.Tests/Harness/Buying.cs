using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace CertCentralSandbox.Tests.Harness;

/// <summary>What a well-behaved buyer does, in the words of the tests.</summary>
internal static class Buying
{
    public static string Csr(AsymmetricAlgorithm? key = null)
    {
        var ask = key is RSA rsa
            ? new CertificateRequest("CN=ignored.test", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest(
                "CN=ignored.test",
                key as ECDsa ?? ECDsa.Create(ECCurve.NamedCurves.nistP256),
                HashAlgorithmName.SHA256);
        return ask.CreateSigningRequestPem();
    }

    public static Dictionary<string, object> Ask(string name, params string[] more) => new()
    {
        ["certificate"] = new Dictionary<string, object>
        {
            ["common_name"] = name,
            ["dns_names"] = (string[])[name, .. more],
            ["csr"] = Csr(),
            ["signature_hash"] = "sha256",
        },
        ["order_validity"] = new { years = 1 },
        ["dcv_method"] = "http-token",
        ["skip_approval"] = true,
        ["alternative_order_id"] = "alt-" + name,
    };

    public static Dictionary<string, object> With(this Dictionary<string, object> ask, string field, object? value)
    {
        if (value is null)
        {
            ask.Remove(field);
        }
        else
        {
            ask[field] = value;
        }

        return ask;
    }

    public static Dictionary<string, object> WithCertificate(
        this Dictionary<string, object> ask, string field, object value)
    {
        ((Dictionary<string, object>)ask["certificate"])[field] = value;
        return ask;
    }

    public static async Task<(long Id, long CertificateId, string Token)> OrderAsync(
        this Sandbox sandbox, string name, params string[] more)
    {
        var placed = await sandbox.PostAsync("order/certificate/ssl_dv_geotrust_flex", Ask(name, more));
        Assert.Equal(201, placed.Status);
        return (placed["id"].GetInt64(), placed["certificate_id"].GetInt64(), placed.String("dcv_random_value")!);
    }

    /// <summary>Publishes the token at every name and lets them resolve.</summary>
    public static void Prove(this Sandbox sandbox, string token, params string[] names)
    {
        foreach (var name in names)
        {
            sandbox.Resolve(name);
            sandbox.Web.Publish(name, token);
        }
    }

    public static async Task<(long Id, long CertificateId)> IssueAsync(
        this Sandbox sandbox, string name, params string[] more)
    {
        var (id, certificateId, token) = await sandbox.OrderAsync(name, more);
        sandbox.Prove(token, [name, .. more]);
        var checkedOrder = await sandbox.PutAsync($"order/certificate/{id}/check-dcv");
        Assert.Equal("issued", checkedOrder.String("order_status"));
        return (id, certificateId);
    }

    public static async Task<string?> StatusOfAsync(this Sandbox sandbox, long id) =>
        (await sandbox.GetAsync($"order/certificate/{id}")).String("status");

    public static async Task<X509Certificate2Collection> DownloadAsync(
        this Sandbox sandbox, long certificateId, string format = "pem_all")
    {
        var answer = await sandbox.GetAsync($"certificate/{certificateId}/download/format/{format}");
        Assert.Equal(200, answer.Status);
        var all = new X509Certificate2Collection();
        all.ImportFromPem(answer.Text);
        return all;
    }
}
