using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using CertCentralSandbox.Tests.Harness;

namespace CertCentralSandbox.Tests;

public sealed class SandboxStoryTests
{
    [Fact]
    public async Task An_order_is_placed_proved_checked_issued_and_its_chain_verifies_against_the_root()
    {
        await using var sandbox = await Sandbox.StartAsync();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var ask = Buying.Ask("shop.customer.test").WithCertificate("csr", Buying.Csr(key));

        var placed = await sandbox.PostAsync("order/certificate/ssl_dv_geotrust", ask);
        Assert.Equal(201, placed.Status);
        Assert.Equal("approved", placed["requests"][0].GetProperty("status").GetString());
        var (id, certificateId) = (placed["id"].GetInt64(), placed["certificate_id"].GetInt64());
        Assert.Equal("pending", await sandbox.StatusOfAsync(id));
        Assert.Equal(404, (await sandbox.GetAsync($"certificate/{certificateId}/download/format/pem_all")).Status);

        var early = await sandbox.PutAsync($"order/certificate/{id}/check-dcv");
        Assert.Equal((400, "file_random_value_not_found"), (early.Status, early.Code));

        sandbox.Prove(placed.String("dcv_random_value")!, "shop.customer.test");
        var good = await sandbox.PutAsync($"order/certificate/{id}/check-dcv");
        Assert.Equal((200, "issued", "valid"), (good.Status, good.String("order_status"), good.String("dcv_status")));
        Assert.Equal("approved", good["dns_name_validations"][0].GetProperty("status").GetString());

        var info = await sandbox.GetAsync($"order/certificate/{id}");
        var chain = await sandbox.DownloadAsync(certificateId);
        Assert.Equal(3, chain.Count);
        var leaf = chain[0];
        Assert.Equal(info["certificate"].GetProperty("serial_number").GetString(), leaf.SerialNumber);
        Assert.Equal(key.ExportSubjectPublicKeyInfo(), leaf.PublicKey.ExportSubjectPublicKeyInfo());
        var root = X509Certificate2.CreateFromPem((await sandbox.GetAsync("/sandbox/root.pem")).Text);
        Assert.True(Verifies(leaf, chain[1], root));
        Assert.True(leaf.MatchesHostname("shop.customer.test"));
        Assert.Contains("NOT A REAL CA", leaf.Issuer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_CA_polls_by_itself_and_issues_without_a_call()
    {
        await using var sandbox = await Sandbox.StartAsync(o => o with { ClockFactor = 600 });
        var (id, _, token) = await sandbox.OrderAsync("self.customer.test");
        sandbox.Prove(token, "self.customer.test");

        await Sandbox.UntilAsync(async () => await sandbox.StatusOfAsync(id) == "issued");

        var calls = (await sandbox.StatsAsync()).GetProperty("calls");
        Assert.False(calls.TryGetProperty("PUT /order/certificate/{id}/check-dcv", out _));
    }

    [Fact]
    public async Task Advancing_the_clock_brings_the_next_poll()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (id, _, token) = await sandbox.OrderAsync("advance.customer.test");
        sandbox.Prove(token, "advance.customer.test");

        Assert.Equal(200, (await sandbox.PostAsync("/sandbox/clock", new { advance = "1m" })).Status);

        await Sandbox.UntilAsync(async () => await sandbox.StatusOfAsync(id) == "issued");
    }

    [Fact]
    public async Task Three_hundred_orders_are_checked_and_issued_and_none_twice()
    {
        await using var sandbox = await Sandbox.StartAsync();
        string[] names = [.. Enumerable.Range(0, 300).Select(i => $"shop{i}.customer.test")];

        await Parallel.ForEachAsync(
            names,
            new ParallelOptions { MaxDegreeOfParallelism = 50 },
            async (name, _) => await sandbox.IssueAsync(name));

        var stats = await sandbox.StatsAsync();
        Assert.Equal(300, stats.GetProperty("certificatesIssued").GetInt32());
        Assert.Equal(300, stats.GetProperty("orders").GetProperty("live").GetInt32());
        Assert.All(
            stats.GetProperty("orders").GetProperty("byCommonName").EnumerateObject(),
            n => Assert.Equal(1, n.Value.GetProperty("total").GetInt32()));
    }

    private static bool Verifies(X509Certificate2 leaf, X509Certificate2 intermediate, X509Certificate2 root)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(root);
        chain.ChainPolicy.ExtraStore.Add(intermediate);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.1"));
        return chain.Build(leaf);
    }
}
