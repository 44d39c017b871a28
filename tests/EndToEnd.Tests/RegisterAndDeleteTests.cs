using System.Net.Http.Json;
using System.Security.Authentication;
using EndToEnd.Tests.Harness;
using LocalFleet.Parts;
using LocalFleet.Up;

namespace EndToEnd.Tests;

/// <summary>The main job from end to end, on real parts.</summary>
[Collection(nameof(SharedFleet))]
public sealed class RegisterAndDeleteTests(SharedFleet shared)
{
    [Fact]
    public async Task A_registered_domain_is_served_by_every_node_and_a_deleted_one_by_none()
    {
        var test = shared.Fleet;
        string[] names = ["gone.register.customers.example", "stays.register.customers.example",
            "new-tls.register.customers.example"];
        await Task.WhenAll(names.Select(name => test.RegisterAsync(name)));
        var found = await test.WaitUntilActiveAsync(names);
        var domains = names.Select(name => found.Single(domain => domain.Hostname == name)).ToList();

        foreach (var domain in domains)
        {
            Assert.Equal((3, 3), (domain.NodesReady, domain.NodesTotal));
            for (var node = 1; node <= 3; node++)
            {
                Assert.Equal(domain.Fingerprint, await test.VisitAsync(node, domain.Hostname));
            }
        }

        // The stand-in's perspectives have an address each; the nodes tell within seconds.
        await Eventually.TrueAsync(
            async () => (await test.Api.FindAsync(domains[0].Id, CancellationToken.None))?.PerspectivesArrived
                == Sandbox.Perspectives,
            () => "not all perspectives of the CA stand on the domain");

        await RefuseTls12Async(test, domains[2]);
        var gone = domains[0];
        await test.Api.DeleteAsync(gone.Id, CancellationToken.None);
        await Eventually.TrueAsync(
            async () => await test.Api.FindAsync(gone.Id, CancellationToken.None) is null or { Status: "deleted" },
            () => $"{gone.Hostname} is not deleted");

        foreach (var haproxy in test.Fleet.Haproxies)
        {
            Assert.DoesNotContain(
                Directory.EnumerateFiles(haproxy.Certificates),
                file => file.Contains(gone.Hostname, StringComparison.Ordinal));
            Assert.DoesNotContain(gone.Hostname, await RuntimeSocket.AskAsync(haproxy.AdminSocket, "show ssl cert"));
        }

        for (var node = 1; node <= 3; node++)
        {
            await Assert.ThrowsAnyAsync<Exception>(() => test.VisitAsync(node, gone.Hostname));
            Assert.Equal(domains[1].Fingerprint, await test.VisitAsync(node, domains[1].Hostname));
        }

        await Invariants.CheckAsync(test, CancellationToken.None);
    }

    private static async Task RefuseTls12Async(TestFleet test, DomainView domain)
    {
        using var change = new HttpRequestMessage(HttpMethod.Patch, $"/v1/domains/{domain.Id}")
        {
            Content = JsonContent.Create(new { tls = new { minimumVersion = "1.3" } }),
        };
        await test.Api.SendAsync(change, CancellationToken.None);
        for (var node = 1; node <= 3; node++)
        {
            await Eventually.TrueAsync(
                async () => (await Record.ExceptionAsync(
                    () => test.VisitAsync(node, domain.Hostname, SslProtocols.Tls12)))?.ToString()
                    .Contains("alert protocol version", StringComparison.Ordinal) == true,
                () => $"node {node} takes TLS 1.2");
            Assert.Equal(domain.Fingerprint, await test.VisitAsync(node, domain.Hostname));
        }
    }
}
