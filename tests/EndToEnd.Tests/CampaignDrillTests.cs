using EndToEnd.Tests.Harness;
using LocalFleet.Up;

namespace EndToEnd.Tests;

/// <summary>Every certificate is replaced: <c>make up ARGS="--domains 300 --campaign"</c>, smaller.</summary>
public sealed class CampaignDrillTests
{
    /// <summary>Fails when a visitor is turned away while certificates are replaced and the CA is restarted, or when
    /// one is bought twice. Whether it takes the time that was foretold is for the command: on a machine that runs
    /// other tests meanwhile it says nothing.</summary>
    [Fact]
    public async Task All_are_replaced_while_the_CA_is_restarted_and_no_visitor_notices()
    {
        const int Names = 10;
        await using var test = await TestFleet.StartAsync(options => options with
        {
            // Two a turn: so that the turns are what takes the time, and not how busy the machine is.
            ControlPlaneSettings = new Dictionary<string, string?> { ["Campaigns__OrdersPerTurn"] = "2" },
        });
        var before = await test.ActivateAsync(Names);

        var result = await new CampaignDrill(test.Fleet, test.Admin, Console.WriteLine)
            .RunAsync(before, TimeSpan.FromMinutes(10), CancellationToken.None);

        Assert.True(result.Handshakes > Names, $"{result}");
        var after = await test.WaitUntilActiveAsync([.. before.Select(one => one.Hostname)]);
        Assert.Empty(before.Select(one => one.Fingerprint).Intersect(after.Select(one => one.Fingerprint)));
        await Invariants.CheckAsync(test, CancellationToken.None);
    }
}
