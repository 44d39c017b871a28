using EndToEnd.Tests.Harness;
using LocalFleet.Parts;

namespace EndToEnd.Tests;

/// <summary>The main job from end to end, on real parts.</summary>
public sealed class RegisterAndDeleteTests
{
    [Fact]
    public async Task A_registered_domain_is_served_by_every_node_and_a_deleted_one_by_none()
    {
        await using var test = await TestFleet.StartAsync();

        var domains = await test.ActivateAsync(3);

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
}
