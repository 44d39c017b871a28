using EndToEnd.Tests.Harness;

namespace EndToEnd.Tests;

/// <summary>A CA that does what it was asked and does not say so, says it twice, or says nothing at all for a
/// while.</summary>
public sealed class LostAnswerTests
{
    [Fact]
    public async Task However_the_CA_fails_to_answer_each_name_is_bought_once_and_becomes_active()
    {
        await using var test = await TestFleet.StartAsync(options => options with
        {
            ControlPlaneSettings = Hurried.ControlPlane,
        });

        var registered = await LoseAnswersAsync(test);
        registered += await CloseForMaintenanceAsync(test);
        registered += await LimitTheRateAsync(test);

        var live = await SandboxFacts.LiveByNameAsync(test, CancellationToken.None);
        Assert.Equal(registered + 1, live.Values.Sum());
        await AgeAsync(test, by: "00:06:00");
        await Eventually.TrueAsync(
            async () => (await SandboxFacts.LiveByNameAsync(test, CancellationToken.None)).Values.Sum() == registered,
            () => "The surplus order was not canceled.");
        // It is told once the CA has answered, which is after the CA has done it.
        await Eventually.TrueAsync(
            async () => await SurplusToldAsync(test) > 0,
            () => "The surplus order was canceled, and that was not told.");
        Assert.Equal(1, await SurplusToldAsync(test));
        await Invariants.CheckAsync(test, CancellationToken.None);
    }

    private static async Task<int> LoseAnswersAsync(TestFleet test)
    {
        await SandboxFacts.SetAsync(
            test,
            new
            {
                lostAnswer = new { count = 2, hostnameSuffix = ".lost.customers.example" },
                errorAfterCommit = new { count = 3, hostnameSuffix = ".broken.customers.example" },
                duplicateAlternativeIds = new { count = 1, hostnameSuffix = "twin.broken.customers.example" },
            },
            CancellationToken.None);
        string[] names =
        [
            "a.lost.customers.example", "b.lost.customers.example",
            "c.broken.customers.example", "d.broken.customers.example", "twin.broken.customers.example",
        ];
        await RegisterAsync(test, names);

        Assert.Equal(
            (2, 3, 1),
            (await FiredAsync(test, "lostAnswer"), await FiredAsync(test, "errorAfterCommit"),
                await FiredAsync(test, "duplicateAlternativeIds")));
        var events = await DatabaseFacts.EventsAsync(test, CancellationToken.None);
        Assert.Equal(names.Length, events.Count(told => told.Type == "ca-order.adopted"));
        Assert.DoesNotContain(events, told => told.Type == "ca-order.placed");
        return names.Length;
    }

    private static async Task<int> CloseForMaintenanceAsync(TestFleet test)
    {
        await SandboxFacts.SetAsync(test, new { maintenance = true }, CancellationToken.None);
        string[] names = ["e.window.customers.example", "f.window.customers.example"];
        foreach (var name in names)
        {
            await test.RegisterAsync(name);
        }

        await Eventually.TrueAsync(
            async () => (await test.Api.ListAsync(CancellationToken.None))
                .Where(domain => names.Contains(domain.Hostname))
                .All(domain => domain is { WaitingOn: "ca", Reason: "ca-answer-lost" or "ca-not-reachable" }),
            () => "The API does not say that the CA is away.");
        await SandboxFacts.SetAsync(test, new { maintenance = false }, CancellationToken.None);
        await test.WaitUntilActiveAsync(names);
        return names.Length;
    }

    private static async Task<int> LimitTheRateAsync(TestFleet test)
    {
        await SandboxFacts.SetAsync(
            test,
            new { rateLimitBurst = new { count = 2, value = 1, route = "POST /order/certificate/{product}" } },
            CancellationToken.None);
        string[] names = ["g.burst.customers.example", "h.burst.customers.example"];
        await RegisterAsync(test, names);

        Assert.Equal(2, await FiredAsync(test, "rateLimitBurst"));
        // "Not now" is not a failure of the order: it costs no attempt.
        var events = await DatabaseFacts.EventsAsync(test, CancellationToken.None);
        Assert.DoesNotContain(events, told => told.Type == "order.retried");
        return names.Length;
    }

    private static async Task RegisterAsync(TestFleet test, string[] names)
    {
        foreach (var name in names)
        {
            await test.RegisterAsync(name);
        }

        await test.WaitUntilActiveAsync(names);
    }

    /// <summary>The sweep looks 5 minutes after the answer was lost: the control plane is started that much
    /// later.</summary>
    private static async Task AgeAsync(TestFleet test, string by)
    {
        await test.Fleet.ControlPlane.StopAsync();
        test.Fleet.ControlPlane.Environment["CLOCK_OFFSET"] = by;
        await test.Fleet.ControlPlane.StartAsync(CancellationToken.None);
    }

    private static async Task<int> SurplusToldAsync(TestFleet test) =>
        (await DatabaseFacts.EventsAsync(test, CancellationToken.None))
            .Count(told => told.Type == "ca-order.surplus-canceled");

    private static Task<int> FiredAsync(TestFleet test, string fault) =>
        SandboxFacts.FiredAsync(test, fault, CancellationToken.None);
}
