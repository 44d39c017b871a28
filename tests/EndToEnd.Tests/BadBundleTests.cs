using EndToEnd.Tests.Harness;
using LocalFleet.Up;

namespace EndToEnd.Tests;

/// <summary>A CA that hands out what no node should serve: the one name waits, and its neighbours notice nothing.</summary>
public sealed class BadBundleTests
{
    private const string Wrong = "wrong.customers.example";
    private const string Large = "large.customers.example";
    private const string Neighbour = "neighbour.customers.example";

    [Fact]
    public async Task A_bad_bundle_is_never_served_is_told_and_hurts_no_neighbour()
    {
        await using var test = await TestFleet.StartAsync(options => options with
        {
            ControlPlaneSettings = Hurried.ControlPlane,
        });
        await SandboxFacts.SetAsync(
            test,
            new { wrongPem = new { hostnameSuffix = Wrong }, oversizedChain = new { hostnameSuffix = Large, value = 20_000 } },
            CancellationToken.None);
        await test.RegisterAsync(Wrong);
        var large = await test.RegisterAsync(Large);
        await test.RegisterAsync(Neighbour);

        await Eventually.TrueAsync(
            async () => await FindAsync(test, Wrong) is { Reason: "ca-wrong-certificate", WaitingOn: "ca" },
            () => "The API does not say that the certificate is the wrong one.");
        Assert.Equal(["oversized", "oversized", "oversized"], await RefusalsAsync(test, large.Id));
        Assert.Equal("node-refused", (await FindAsync(test, Large)).Reason);
        await Eventually.TrueAsync(
            async () => (await FindAsync(test, Neighbour)).IsActive, () => "The neighbour is not active.");
        foreach (var haproxy in test.Fleet.Haproxies)
        {
            var files = Directory.EnumerateFileSystemEntries(haproxy.Certificates).Select(Path.GetFileName);
            Assert.Equal([Neighbour + ".pem"], files);
            var memory = await RuntimeSocket.AskAsync(haproxy.AdminSocket, "show ssl cert");
            Assert.DoesNotContain(Wrong, memory);
            Assert.DoesNotContain(Large, memory);
        }

        await SandboxFacts.SetAsync(test, new { wrongPem = false, oversizedChain = false }, CancellationToken.None);
        await test.Api.DeleteAsync(large.Id, CancellationToken.None);
        await Invariants.CheckAsync(test, CancellationToken.None);
        Assert.True((await FindAsync(test, Wrong)).IsActive);
    }

    private static async Task<DomainView> FindAsync(TestFleet test, string name) =>
        (await test.Api.ListAsync(CancellationToken.None)).Single(domain => domain.Hostname == name);

    /// <summary>What each node says about the domain, once all have said something.</summary>
    private static async Task<IReadOnlyList<string?>> RefusalsAsync(TestFleet test, string id)
    {
        List<string?> codes = [];
        await Eventually.TrueAsync(
            async () =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/domains/{id}/delivery");
                var page = await test.Api.SendAsync(request, CancellationToken.None);
                codes =
                [
                    .. page.GetProperty("items").EnumerateArray()
                        .Where(node => node.TryGetProperty("error", out var error) && error.ValueKind == System.Text.Json.JsonValueKind.Object)
                        .Select(node => node.GetProperty("error").GetProperty("code").GetString()),
                ];
                return codes.Count == test.Fleet.Options.Nodes;
            },
            () => $"Only {codes.Count} nodes have refused it.");
        return codes;
    }
}
