using EndToEnd.Tests.Harness;
using LocalFleet;
using LocalFleet.Parts;

namespace EndToEnd.Tests;

/// <summary>A power cut takes one program at a time; all of them come back to where the work was.</summary>
[Collection(nameof(HurriedFleet))]
public sealed class KillEachTests(HurriedFleet hurried)
{
    private const int WaveSize = 4;

    [Fact]
    public async Task Killed_while_a_run_is_under_way_every_part_comes_back_and_nothing_is_bought_twice()
    {
        var test = hurried.Fleet;
        Part[] victims = [test.Fleet.ControlPlane, test.Fleet.Agents[1], test.Fleet.Haproxies[2]];
        var names = Enumerable.Range(1, WaveSize * victims.Length)
            .Select(n => $"killed{n}.{LocalNames.Customers}").ToList();

        foreach (var (victim, wave) in victims.Zip(names.Chunk(WaveSize)))
        {
            await Task.WhenAll(wave.Select(name => test.RegisterAsync(name)));
            await Eventually.TrueAsync(
                async () => (await OrdersOfAsync(test, wave)).Any(order => order.CaOrderId is not null),
                () => "No order has reached the CA.");

            await victim.KillAsync();

            var struck = await OrdersOfAsync(test, wave);
            Assert.Contains(struck, order => order.State != "Active");
            await victim.StartAsync(CancellationToken.None);
        }

        await test.WaitUntilActiveAsync(names);
        await Invariants.CheckAsync(test, CancellationToken.None);
        var live = await SandboxFacts.LiveByNameAsync(test, CancellationToken.None);
        Assert.All(names, name => Assert.Equal(1, live[name]));
        Assert.False(test.Fleet.Death.IsCompleted, "A part died that nobody had killed.");
    }

    private static async Task<List<OrderFact>> OrdersOfAsync(TestFleet test, string[] names) =>
        [.. (await DatabaseFacts.OrdersAsync(test, CancellationToken.None))
            .Where(order => names.Contains(order.Hostname))];
}
