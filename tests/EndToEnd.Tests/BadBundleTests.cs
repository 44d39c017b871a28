using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using EndToEnd.Tests.Harness;
using LocalFleet.Up;

namespace EndToEnd.Tests;

/// <summary>A CA that hands out what no node should serve: the one name waits, and its neighbours notice
/// nothing.</summary>
[Collection(nameof(HurriedFleet))]
public sealed class BadBundleTests(HurriedFleet hurried)
{
    private const string Wrong = "wrong.customers.example";
    private const string Large = "large.customers.example";
    private const string Needless = "needless.customers.example";

    [Fact]
    public async Task A_bad_bundle_is_never_served_is_told_and_hurts_no_neighbour()
    {
        var test = hurried.Fleet;
        await SandboxFacts.SetAsync(
            test,
            new
            {
                wrongPem = new { hostnameSuffix = Wrong },
                oversizedChain = new { hostnameSuffix = Needless, value = 20_000 },
                slowIssue = new { hostnameSuffix = Large, value = 3600 },
            },
            CancellationToken.None);
        var wrong = await test.RegisterAsync(Wrong);
        await test.RegisterAsync(Needless);
        var large = await test.RegisterAsync(Large);

        await Eventually.TrueAsync(
            async () => await FindAsync(test, Wrong) is { Reason: "ca-wrong-certificate", WaitingOn: "ca" },
            () => "The API does not say that the certificate is the wrong one.");
        // Certificates that lead nowhere are left out; what remains is as small as any other bundle.
        await Eventually.TrueAsync(
            async () => (await FindAsync(test, Needless)).IsActive,
            () => "The name with needless certificates is not active.");
        await LetItGrowAsync(test);
        Assert.Equal(["oversized", "oversized", "oversized"], await RefusalsAsync(test, large.Id));
        await Eventually.TrueAsync(
            async () => (await FindAsync(test, Large)).Reason == "node-refused",
            () => "The API does not tell of the refusal.");
        await OnlyTheNeighbourIsServedAsync(test);

        await SandboxFacts.SetAsync(test, new { wrongPem = false }, CancellationToken.None);
        // It would be fetched again by itself: after minutes, as often as it was wrong.
        using (var check = new HttpRequestMessage(HttpMethod.Post, $"/v1/domains/{wrong.Id}/check"))
        {
            await test.Api.SendAsync(check, CancellationToken.None);
        }

        await test.Api.DeleteAsync(large.Id, CancellationToken.None);
        await Invariants.CheckAsync(test, CancellationToken.None);
        Assert.True((await FindAsync(test, Wrong)).IsActive);
    }

    private static async Task OnlyTheNeighbourIsServedAsync(TestFleet test)
    {
        var neighbour = await FindAsync(test, Needless);
        for (var node = 1; node <= test.Fleet.Options.Nodes; node++)
        {
            var haproxy = test.Fleet.Haproxies[node - 1];
            // What HAProxy would load at its next start. It skips dot-files, and the agent stages one at every new try.
            var onDisk = Directory.EnumerateFileSystemEntries(haproxy.Certificates).Select(Path.GetFileName)
                .Where(file => !file!.StartsWith('.')).ToList();
            Assert.Contains(Needless + ".pem", onDisk);
            Assert.DoesNotContain(onDisk, file => file!.Contains(Wrong, StringComparison.Ordinal)
                || file.Contains(Large, StringComparison.Ordinal));
            var memory = await RuntimeSocket.AskAsync(haproxy.AdminSocket, "show ssl cert");
            Assert.DoesNotContain(Wrong, memory);
            Assert.DoesNotContain(Large, memory);
            Assert.Equal(neighbour.Fingerprint, await test.VisitAsync(node, Needless));
        }
    }

    /// <summary>
    /// The control plane drops what a chain does not need, so that the sandbox alone cannot make a bundle too large. It
    /// is made so in the database, between its recording and its delivery: while it is issued, no agent runs.
    /// </summary>
    private static async Task LetItGrowAsync(TestFleet test)
    {
        await WaitForStateAsync(test, "PendingIssuance");
        await Task.WhenAll(test.Fleet.Agents.Select(agent => agent.StopAsync()));
        await SandboxFacts.AdvanceClockAsync(test, "2h", CancellationToken.None);
        await WaitForStateAsync(test, "PendingDeployment");
        var padding = Padding();
        await DatabaseFacts.ExecuteAsync(
            test,
            """
            WITH large AS (INSERT INTO chains (id, intermediates) VALUES ($1, ARRAY[$2]) RETURNING id)
            UPDATE bundles SET chain_id = large.id FROM large, orders o
            WHERE o.bundle_id = bundles.id AND o.hostname = $3
            """,
            [Convert.ToHexStringLower(SHA256.HashData(padding)), padding, Large],
            CancellationToken.None);
        await Task.WhenAll(test.Fleet.Agents.Select(agent => agent.StartAsync(CancellationToken.None)));
    }

    /// <summary>A CA certificate that is larger by itself than HAProxy's buffer of 16 KB.</summary>
    private static byte[] Padding()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Padding of a test - NOT A REAL CA", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        request.CertificateExtensions.Add(
            new X509Extension("2.25.1", RandomNumberGenerator.GetBytes(20_000), critical: false));
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return certificate.RawData;
    }

    private static Task WaitForStateAsync(TestFleet test, string state)
    {
        OrderFact? order = null;
        return Eventually.TrueAsync(
            async () =>
            {
                order = (await DatabaseFacts.OrdersAsync(test, CancellationToken.None)).Single(
                    row => row.Hostname == Large);
                return order.State == state;
            },
            () => $"Not in {state}: {order}");
    }

    private static async Task<DomainView> FindAsync(TestFleet test, string name) =>
        (await test.Api.ListAsync(CancellationToken.None)).Single(domain => domain.Hostname == name);

    /// <summary>What each node says about the domain, once all have said something.</summary>
    private static async Task<IReadOnlyList<string?>> RefusalsAsync(TestFleet test, string id)
    {
        IReadOnlyList<string?> codes = [];
        await Eventually.TrueAsync(
            async () =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/domains/{id}/delivery");
                var page = await test.Api.SendAsync(request, CancellationToken.None);
                codes = [.. page.GetProperty("items").EnumerateArray().Select(ErrorOf).Where(code => code is not null)];
                return codes.Count == test.Fleet.Options.Nodes;
            },
            () => $"Only {codes.Count} nodes have refused it.");
        return codes;
    }

    private static string? ErrorOf(JsonElement node) =>
        node.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object
            ? error.GetProperty("code").GetString()
            : null;
}
