using EndToEnd.Tests.Harness;
using LocalFleet;
using LocalFleet.Up;

namespace EndToEnd.Tests;

/// <summary>Replicas share the work through the database alone: none of them leads, and none steps on
/// another.</summary>
public sealed class TwoReplicasTests
{
    private const int Count = 20;

    [Fact]
    public async Task Two_control_planes_over_one_database_share_the_work_and_do_none_of_it_twice()
    {
        await using var test = await TestFleet.StartAsync(options => options with { Replicas = 2 });
        using var second = ApiClient.For(test.Fleet, replica: 2);
        var names = LocalNames.Samples(test.Fleet.Options.Seed).Take(Count);

        await Task.WhenAll(
            names.Select((name, index) => test.RegisterAsync(name, at: index % 2 == 0 ? test.Api : second)));

        await test.WaitUntilActiveAsync(Count);
        var orders = (await SandboxFacts.StatsAsync(test, CancellationToken.None)).GetProperty("orders");
        Assert.Equal((Count, Count), (orders.GetProperty("total").GetInt32(), orders.GetProperty("live").GetInt32()));
        // Invariants.CheckAsync asks for exactly one ca-order.placed of each order; here not even a look-up is due.
        var events = await DatabaseFacts.EventsAsync(test, CancellationToken.None);
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
