using EndToEnd.Tests.Harness;
using LocalFleet;
using LocalFleet.Up;

namespace EndToEnd.Tests;

/// <summary>Replicas share the work through the database alone: none of them leads, and none steps on
/// another.</summary>
[Collection(nameof(SharedFleet))]
public sealed class TwoReplicasTests(SharedFleet shared)
{
    private const int Count = 20;

    [Fact]
    public async Task Two_control_planes_over_one_database_share_the_work_and_do_none_of_it_twice()
    {
        var test = shared.Fleet;
        using var second = ApiClient.For(test.Fleet, replica: 2);
        var names = Enumerable.Range(1, Count).Select(n => $"replicas{n}.{LocalNames.Customers}").ToList();

        await Task.WhenAll(
            names.Select((name, index) => test.RegisterAsync(name, at: index % 2 == 0 ? test.Api : second)));

        var domains = (await test.WaitUntilActiveAsync(names)).Select(domain => Guid.Parse(domain.Id)).ToHashSet();
        var bought = (await SandboxFacts.StatsAsync(test, CancellationToken.None))
            .GetProperty("orders").GetProperty("byCommonName");
        Assert.All(names, name => Assert.Equal(
            (1, 1),
            (bought.GetProperty(name).GetProperty("total").GetInt32(),
                bought.GetProperty(name).GetProperty("live").GetInt32())));
        // Invariants.CheckAsync asks for exactly one ca-order.placed of each order; here not even a look-up is due.
        var events = (await DatabaseFacts.EventsAsync(test, CancellationToken.None))
            .Where(told => domains.Contains(told.DomainId)).ToList();
        Assert.All(["ca-order.submitted", "ca-order.placed", "key.sealed", "domain.active"], type => Assert.Equal(
            Count, events.Where(told => told.Type == type).DistinctBy(told => told.OrderId).Count()));
        Assert.Equal(Count, events.Count(told => told.Type == "ca-order.submitted"));
        foreach (var replica in test.Fleet.ControlPlanes)
        {
            var log = await File.ReadAllTextAsync(replica.LogFile);
            Assert.DoesNotContain("was taken over", log);
            Assert.DoesNotContain("met a surprise", log);
        }

        await Invariants.CheckAsync(test, CancellationToken.None);
    }
}
