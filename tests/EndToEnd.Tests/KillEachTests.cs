using EndToEnd.Tests.Harness;
using LocalFleet;
using LocalFleet.Parts;

namespace EndToEnd.Tests;

/// <summary>A power cut takes one program at a time; all of them come back to where the work was.</summary>
public sealed class KillEachTests
{
    private const int WaveSize = 4;

    [Fact]
    public async Task Killed_while_a_run_is_under_way_every_part_comes_back_and_nothing_is_bought_twice()
    {
        await using var test = await TestFleet.StartAsync(options => options with
        {
            ControlPlaneSettings = Hurried.ControlPlane,
            // So that a run is certainly under way when the signal comes.
            SandboxArguments = ["--issue-delay", "4s"],
        });
        Part[] victims = [test.Fleet.ControlPlane, test.Fleet.Agents[1], test.Fleet.Haproxies[2]];
        var names = LocalNames.Samples(test.Fleet.Options.Seed).Take(WaveSize * victims.Length).ToList();

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

        await test.WaitUntilActiveAsync(names.Count);
        await Invariants.CheckAsync(test, CancellationToken.None);
        var live = await SandboxFacts.LiveByNameAsync(test, CancellationToken.None);
        Assert.Equal(names.Count, live.Values.Sum());
        Assert.False(test.Fleet.Death.IsCompleted, "A part died that nobody had killed.");
    }

    private static async Task<List<OrderFact>> OrdersOfAsync(TestFleet test, string[] names) =>
        [.. (await DatabaseFacts.OrdersAsync(test, CancellationToken.None))
            .Where(order => names.Contains(order.Hostname))];
}
