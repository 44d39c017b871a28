using ControlPlane.Domains;
using EndToEnd.Tests.Harness;
using LocalFleet;
using LocalFleet.Parts;

namespace EndToEnd.Tests;

/// <summary>
/// A power cut after every commit and every foreign call of every step. The points are not listed here: a run that is
/// not disturbed writes down those it passes, and each of them becomes a drill, so that a new step is covered the day
/// it appears.
/// </summary>
public sealed class CrashBetweenStepsTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const string Pending = "pending." + LocalNames.Customers;
    private const string Lost = "lost." + LocalNames.Customers;

    /// <summary>Fewer than a stage works on at the same time.</summary>
    private const int PointsTogether = 20;

    private TestFleet _test = null!;

    private Part Program => _test.Fleet.ControlPlane;

    public async ValueTask InitializeAsync()
    {
        _test = await TestFleet.StartAsync(options => options with
        {
            ControlPlaneSettings = new Dictionary<string, string?>(CrashDrill.ShortWaits)
            {
                // Nobody takes an order that stands still at its point for a killed worker's before all have been
                // reached; what a kill leaves behind is ended by hand.
                ["Jobs__Lease"] = "00:10:00",
                // Longer than the sandbox ever takes: a slow answer in the traced run would be taken for a lost one.
                ["CertCentral__HttpTimeout"] = "00:00:10",
            },
            // The sandbox's checks of names that are to stay pending would otherwise use up the quota.
            SandboxArguments = ["--rate-limit", "off"],
        });
        await CrashDrill.SetFaultAsync(_test.Fleet.Sandbox, "failingPerspectives", Pending, value: 4);
        await CrashDrill.SetFaultAsync(_test.Fleet.Sandbox, "lostAnswer", Lost);
    }

    public ValueTask DisposeAsync() => _test.DisposeAsync();

    [Fact]
    public async Task A_kill_at_any_point_of_the_path_loses_nothing_and_buys_nothing_twice()
    {
        var trace = Path.GetTempFileName();
        await CrashDrill.RestartAsync(Program, trace: trace);
        await RegisterAsync("trace", LocalNames.Customers);
        await RegisterAsync("trace", Lost);
        await RegisterAsync("trace", Pending);
        await UntilAsync(Active, $"trace.{LocalNames.Customers}", $"trace.{Lost}");
        await UntilAsync(TokenNotSeen, $"trace.{Pending}");
        var onTheWay = CertainOf(trace, LocalNames.Customers);
        var onTheWayBack = CertainOf(trace, Lost).Except(onTheWay).ToList();
        // This one waits for certain, because the CA is not to see its token.
        var waiting = CrashDrill.PointsOf(trace, $"trace.{Pending}").Except(onTheWay).Except(onTheWayBack).ToList();
        await DeleteAsync("trace", LocalNames.Customers);
        await DeleteAsync("trace", Pending);
        await UntilAsync(Deleted, $"trace.{LocalNames.Customers}", $"trace.{Pending}");
        var deleting = CertainOf(trace, LocalNames.Customers).Except(onTheWay).ToList();
        var canceling = CertainOf(trace, Pending)
            .Except(onTheWay).Except(onTheWayBack).Except(waiting).Except(deleting).ToList();
        File.Delete(trace);
        RequireEveryStep([.. onTheWay, .. deleting, .. canceling]);

        // What the drills of the second half delete must be there first.
        await CrashDrill.RestartAsync(Program);
        for (var n = 0; n < deleting.Count; n++)
        {
            await RegisterAsync($"deleted{n}", LocalNames.Customers);
        }

        for (var n = 0; n < canceling.Count; n++)
        {
            await RegisterAsync($"canceled{n}", Pending);
        }

        await UntilAsync(Active, Names("deleted", deleting, LocalNames.Customers));
        await UntilAsync(TokenNotSeen, Names("canceled", canceling, Pending));

        await DrillAsync(
        [
            .. Drills("new", onTheWay, LocalNames.Customers, RegisterAsync),
            .. Drills("new", onTheWayBack, Lost, RegisterAsync),
            .. Drills("new", waiting, Pending, RegisterAsync),
            .. Drills("deleted", deleting, LocalNames.Customers, DeleteAsync),
            .. Drills("canceled", canceling, Pending, DeleteAsync),
        ]);

        await CrashDrill.RestartAsync(Program);
        await UntilAsync(
            Active, [.. Names("new", onTheWay, LocalNames.Customers), .. Names("new", onTheWayBack, Lost)]);
        await UntilAsync(TokenNotSeen, Names("new", waiting, Pending));
        for (var n = 0; n < waiting.Count; n++)
        {
            await DeleteAsync($"new{n}", Pending);
        }

        await UntilAsync(Deleted, Names("new", waiting, Pending));
        await UntilAsync(
            Deleted, [.. Names("deleted", deleting, LocalNames.Customers), .. Names("canceled", canceling, Pending)]);
        await Invariants.CheckAsync(_test, CancellationToken.None);
    }

    [Fact]
    public async Task A_kill_at_any_point_of_an_agents_work_leaves_disk_memory_and_wire_agreed()
    {
        var agent = _test.Fleet.Agents[0];
        var trace = Path.GetTempFileName();
        await CrashDrill.RestartAsync(agent, trace: trace);
        await RegisterAsync("trace", LocalNames.Customers);
        await UntilAsync(Active, $"trace.{LocalNames.Customers}");
        var points = CrashDrill.PointsOf(trace, $"trace.{LocalNames.Customers}");
        File.Delete(trace);
        Assert.True(points.Count >= 5, $"Only {string.Join(", ", points)} were passed.");

        for (var n = 0; n < points.Count; n++)
        {
            var name = $"agent{n}";
            output.WriteLine($"{points[n]} for {name}");
            await CrashDrill.RunAsync(
                agent, points[n], $"{name}.{LocalNames.Customers}", () => RegisterAsync(name, LocalNames.Customers));
        }

        await CrashDrill.RestartAsync(agent);
        await UntilAsync(Active, Names("agent", points, LocalNames.Customers));
        await Invariants.CheckAsync(_test, CancellationToken.None);
    }

    /// <summary>Without the going to sleep: whether a name has to wait for the nodes or for the CA depends on who is
    /// quicker, and differs from the traced run to the drill.</summary>
    private static IReadOnlyList<string> CertainOf(string trace, string zone) => CrashDrill
        .PointsOf(trace, $"trace.{zone}")
        .Where(point => !point.EndsWith(".commit.Snoozed", StringComparison.Ordinal)).ToList();

    /// <summary>As many deaths as points, but a few at a time share one start of the program, which is most of what a
    /// drill costs.</summary>
    private async Task DrillAsync(IEnumerable<(string Point, string Name, Func<Task> Lead)> drills)
    {
        foreach (var together in drills.Chunk(PointsTogether))
        {
            output.WriteLine(string.Join('\n', together.Select(drill => $"{drill.Point} for {drill.Name}")));
            await EndLeasesAsync();
            await CrashDrill.RunAsync(
                Program,
                [.. together.Select(drill => $"{drill.Point}@{drill.Name}")],
                () => Task.WhenAll(together.Select(drill => drill.Lead())));
        }

        await EndLeasesAsync();
    }

    /// <summary>As if the program had been dead for as long as a lease.</summary>
    private async Task EndLeasesAsync()
    {
        await Program.KillAsync();
        await DatabaseFacts.ExecuteAsync(
            _test,
            "UPDATE orders SET lease_until = CASE WHEN lease_until > now() THEN now() ELSE lease_until END",
            [],
            CancellationToken.None);
    }

    private static IEnumerable<(string Point, string Name, Func<Task> Lead)> Drills(
        string name, IReadOnlyList<string> points, string zone, Func<string, string, Task> lead) =>
        points.Select((point, n) => (point, $"{name}{n}.{zone}", (Func<Task>)(() => lead($"{name}{n}", zone))));

    /// <summary>A step without a commit or without a call in the trace would be a step that no drill covers.</summary>
    private static void RequireEveryStep(IReadOnlyList<string> points)
    {
        foreach (var (state, step) in IssuancePath.Steps)
        {
            Assert.True(
                points.Any(point => point.StartsWith($"{state}.commit.", StringComparison.Ordinal)),
                $"{step.Name}: no commit");
            Assert.True(
                points.Any(point => point.StartsWith($"{state}.call.", StringComparison.Ordinal)),
                $"{step.Name}: no call");
        }
    }

    private static string[] Names(string name, IReadOnlyList<string> points, string zone) =>
        [.. Enumerable.Range(0, points.Count).Select(n => $"{name}{n}.{zone}")];

    private static bool Active(LocalFleet.Up.DomainView domain) => domain.IsActive;

    private static bool Deleted(LocalFleet.Up.DomainView? domain) => domain is null or { Status: "deleted" };

    private static bool TokenNotSeen(LocalFleet.Up.DomainView domain) => domain.Reason == "ca-token-not-seen";

    private Task RegisterAsync(string name, string zone) => CrashDrill.RegisterAsync(_test.Api, $"{name}.{zone}");

    private async Task DeleteAsync(string name, string zone)
    {
        var domain = (await _test.Api.ListAsync(CancellationToken.None)).Single(
            found => found.Hostname == $"{name}.{zone}");
        await _test.Api.DeleteAsync(domain.Id, CancellationToken.None);
    }

    private async Task UntilAsync(Func<LocalFleet.Up.DomainView, bool> condition, params string[] names)
    {
        var open = "";
        await Eventually.TrueAsync(
            async () =>
            {
                var domains = (await _test.Api.ListAsync(CancellationToken.None)).ToLookup(domain => domain.Hostname);
                var waiting = names
                    .Where(name => !(domains[name].Any() ? domains[name].All(condition) : condition == Deleted))
                    .ToList();
                open = string.Join('\n', waiting.Select(name =>
                    $"{name}: {string.Join(", ", domains[name].Select(found => $"{found.Status} {found.Reason}"))}"));
                return waiting.Count == 0;
            },
            () => open);
    }
}
