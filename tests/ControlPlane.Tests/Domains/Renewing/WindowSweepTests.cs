using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Domains.Renewing;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.Domains.Renewing;

public sealed class WindowSweepTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    /// <summary>The certificate lives 199 days and its renewal is planned for the hundredth.</summary>
    [Theory]
    // Past the window: into it, and told when that is early, or when the CA says why.
    [InlineData(10, 20, null, true, true)]
    [InlineData(60, 70, null, true, false)]
    [InlineData(60, 70, "https://ca.example/why", true, true)]
    [InlineData(-3, -1, null, true, true)]
    // Within it, or before it: as planned.
    [InlineData(60, 110, null, false, false)]
    [InlineData(120, 130, "https://ca.example/why", false, false)]
    public async Task A_plan_past_the_cas_window_moves_into_it(
        int from, int to, string? why, bool isMoved, bool isTold)
    {
        await using var bench = await PathBench.StartAsync(database);
        var now = bench.Clock.GetUtcNow();
        var (order, planned) = await ServedAsync(bench);
        bench.Ca.OnWindow = _ => new RenewalWindow(
            now.AddDays(from), now.AddDays(to), why is null ? null : new Uri(why), TimeSpan.FromHours(6));

        await SweepAsync(bench);
        await SweepAsync(bench);

        var domain = (await bench.ReadAsync(order)).Domain;
        Assert.Equal(isMoved, domain.RenewAt != planned);
        if (isMoved)
        {
            // A new one not at once, or a CA that wants each renewed would never have done.
            var soonest = now + WindowSweep.LeastAge;
            var (first, last) = (now.AddDays(from), now.AddDays(to));
            Assert.InRange(
                domain.RenewAt!.Value, first > soonest ? first : soonest, last > soonest ? last : soonest);
        }

        Assert.InRange(domain.WindowLookDueAt!.Value, now.AddHours(6), now.AddHours(7));
        Assert.Single(bench.Ca.Asked);
        var told = await bench.ValueAsync<string?>(
            $"""SELECT max(message) AS "Value" FROM events WHERE type = {EventTypes.RenewalMovedUp}""");
        Assert.Equal(isTold, told is not null);
        Assert.True(why is null || !isTold || told!.Contains(why, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_ca_that_says_nothing_is_asked_daily_and_one_that_fails_in_an_hour()
    {
        await using var bench = await PathBench.StartAsync(database);
        var (order, planned) = await ServedAsync(bench);
        bench.Ca.OnWindow = _ => throw StandInCa.Fault(CaFailure.NotDone);
        await SweepAsync(bench);
        var due = (await bench.ReadAsync(order)).Domain.WindowLookDueAt!.Value - bench.Clock.GetUtcNow();
        Assert.InRange(due.TotalHours, 1, 1.1);

        bench.Clock.Advance(due);
        bench.Ca.OnWindow = _ => null;
        await SweepAsync(bench);
        var domain = (await bench.ReadAsync(order)).Domain;
        Assert.InRange((domain.WindowLookDueAt!.Value - bench.Clock.GetUtcNow()).TotalHours, 24, 26.4);
        Assert.Equal(planned, domain.RenewAt);
    }

    [Fact]
    public async Task Whatever_is_said_of_one_certificate_the_sweep_goes_on()
    {
        await using var bench = await PathBench.StartAsync(database);
        var (order, planned) = await ServedAsync(bench);
        bench.Ca.OnWindow = _ => throw new InvalidOperationException("Said nobody foresaw.");

        await SweepAsync(bench);

        var domain = (await bench.ReadAsync(order)).Domain;
        Assert.InRange((domain.WindowLookDueAt!.Value - bench.Clock.GetUtcNow()).TotalHours, 1, 1.1);
        Assert.Equal(planned, domain.RenewAt);
    }

    private static async Task<(Order Order, DateTimeOffset Planned)> ServedAsync(PathBench bench)
    {
        var order = await bench.OrderAsync(OrderState.Active);
        var planned = bench.Clock.GetUtcNow().AddDays(100);
        await bench.SqlAsync(
            $"UPDATE domains SET status = 'Active', active_bundle_id = {order.BundleId}, renew_at = {planned}");
        return (order, planned);
    }

    private static Task SweepAsync(PathBench bench) => new WindowSweep(
        bench.Authorities, bench, bench.Clock, NullLogger<WindowSweep>.Instance).RunAsync(default);
}
