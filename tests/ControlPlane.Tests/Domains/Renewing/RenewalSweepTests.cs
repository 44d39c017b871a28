using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Domains.Reading;
using ControlPlane.Domains.Renewing;
using ControlPlane.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace ControlPlane.Tests.Domains.Renewing;

public sealed class RenewalSweepTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task What_is_due_is_opened_once_and_what_ends_soonest_first()
    {
        await using var bench = await PathBench.StartAsync(database);
        var later = await ServedAsync(bench, dueIn: -1, daysLeft: 60);
        var sooner = await ServedAsync(bench, dueIn: -1, daysLeft: 10);
        await ServedAsync(bench, dueIn: 1, daysLeft: 5);
        var away = await ServedAsync(bench, dueIn: -1, daysLeft: 5);
        await bench.SqlAsync(
            $"UPDATE domains SET dns_away_since = now(), dns_failed_looks = 1 WHERE id = {away.DomainId}");
        var deleting = await ServedAsync(bench, dueIn: -1, daysLeft: 5);
        await bench.SqlAsync($"UPDATE domains SET status = 'Deleting' WHERE id = {deleting.DomainId}");

        await SweepAsync(bench);
        await SweepAsync(bench);

        var opened = await SuccessorsAsync(bench);
        Assert.Equal([sooner.DomainId, later.DomainId], opened.Select(order => order.DomainId));
        Assert.All(opened, order => Assert.Equal(OrderState.PendingDns, order.State));
        Assert.Equal([EventTypes.OrderOpened], await bench.EventsAsync(opened[0]));
        Assert.Equal(DomainStatus.Active, (await bench.ReadAsync(sooner)).Domain.Status);
    }

    [Fact]
    public async Task While_the_ca_keeps_a_hundred_waiting_no_more_are_opened()
    {
        await using var bench = await PathBench.StartAsync(database);
        for (var n = 0; n < RenewalSweep.Most + 1; n++)
        {
            await ServedAsync(bench, dueIn: -1, daysLeft: 10);
        }

        await SweepAsync(bench);
        Assert.Equal(RenewalSweep.Most, (await SuccessorsAsync(bench)).Count);

        // Eighty more of them, all held up by the CA.
        await bench.SqlAsync(
            $"""
             WITH made AS (
                 INSERT INTO domains (id, tenant_id, fleet_id, hostname, key_algorithm, status, created_at, claim,
                     claim_secret)
                 SELECT gen_random_uuid(), tenant_id, fleet_id, 'n' || n || '.' || hostname, key_algorithm, status,
                     created_at, claim, claim_secret
                 FROM (SELECT * FROM domains LIMIT 1) AS one CROSS JOIN generate_series(1, 80) AS n
                 RETURNING id, hostname)
             INSERT INTO orders (id, domain_id, hostname, kind, state, state_since, created_at, waits_counted_to)
             SELECT gen_random_uuid(), id, hostname, 'Renewal', 'PendingDns', now(), now(), now() FROM made
             """);
        await bench.SqlAsync(
            $"""
             UPDATE orders SET reason = 'ca-not-reachable', ca = {bench.Authorities.Default} WHERE kind = 'Renewal'
             """);
        await SweepAsync(bench);
        Assert.Equal(RenewalSweep.Most + 80, (await SuccessorsAsync(bench)).Count);

        // What goes to another CA does not wait for this one.
        await bench.SqlAsync($"UPDATE domains SET certificate_authority = 'another' WHERE renew_at IS NOT NULL");
        await SweepAsync(bench);
        Assert.Equal(RenewalSweep.Most + 81, (await SuccessorsAsync(bench)).Count);

        var last = await ServedAsync(bench, dueIn: -1, daysLeft: 10);
        await SweepAsync(bench);
        Assert.DoesNotContain(await SuccessorsAsync(bench), order => order.DomainId == last.DomainId);
        await bench.SqlAsync($"UPDATE orders SET reason = NULL WHERE kind = 'Renewal'");
        await SweepAsync(bench);
        Assert.Contains(await SuccessorsAsync(bench), order => order.DomainId == last.DomainId);
    }

    [Fact]
    public async Task A_renewal_that_fails_is_told_and_tried_again_on_its_schedule_while_the_domain_stays_active()
    {
        await using var bench = await PathBench.StartAsync(database);
        var served = await ServedAsync(bench, dueIn: -1, daysLeft: 30);
        bench.Ca.OnPlace = _ => throw StandInCa.Fault(CaFailure.Refused);
        var waits = new List<TimeSpan>();
        for (var attempt = 1; attempt <= 5; attempt++)
        {
            await SweepAsync(bench);
            var order = (await SuccessorsAsync(bench))[^1];
            await bench.SqlAsync($"UPDATE orders SET state = 'PendingOrder' WHERE id = {order.Id}");
            var failed = await bench.TurnAsync(await bench.ReadAsync(order));

            Assert.Equal((OrderState.Failed, "renewal-failed"), (failed.State, failed.Reason));
            Assert.Equal((DomainStatus.Active, attempt), (failed.Domain.Status, failed.Domain.RenewalFailures));
            Assert.Contains(EventTypes.RenewalFailed, await bench.EventsAsync(failed));
            await SweepAsync(bench);
            Assert.Equal(attempt, (await SuccessorsAsync(bench)).Count);
            waits.Add(failed.Domain.RenewAt!.Value - bench.Clock.GetUtcNow());
            bench.Clock.Advance(waits[^1]);
        }

        Assert.Equal([1, 4, 12, 24, 24], waits.Select(wait => (int)wait.TotalHours));
        await using var db = bench.Open();
        var domain = await db.Domains.AsNoTracking().SingleAsync(row => row.Id == served.DomainId);
        var views = new DomainViews(db, bench.Authorities, Options.Create(bench.Fleet), bench.Clock);
        var seen = await views.OneAsync(domain, default);
        Assert.Equal((OverallStatus.Active, "renewal-failed"), (seen.Status, seen.Reason!.Code));
        Assert.Equal(WaitingOn.Operator, seen.WaitingOn);
        Assert.Contains("served until", seen.Reason.Detail, StringComparison.Ordinal);
        Assert.Equal(new RenewalView(domain.RenewAt, 5), seen.Renewal);
    }

    [Theory]
    [InlineData(200, 24)]
    [InlineData(48, 12)]
    [InlineData(2, 1)]
    [InlineData(-3, 24)]
    public async Task Near_its_end_a_certificate_is_tried_more_often(int hoursLeft, int expected)
    {
        await using var bench = await PathBench.StartAsync(database);
        await ServedAsync(bench, dueIn: -1, daysLeft: 30);
        var end = bench.Clock.GetUtcNow().AddHours(hoursLeft);
        await bench.SqlAsync($"UPDATE domains SET renewal_failures = 4, expires_at = {end}");
        bench.Ca.OnPlace = _ => throw StandInCa.Fault(CaFailure.Refused);
        await SweepAsync(bench);
        var order = (await SuccessorsAsync(bench))[^1];
        await bench.SqlAsync($"UPDATE orders SET state = 'PendingOrder' WHERE id = {order.Id}");

        var failed = await bench.TurnAsync(await bench.ReadAsync(order));

        Assert.Equal(expected, (failed.Domain.RenewAt!.Value - bench.Clock.GetUtcNow()).TotalHours, 0.1);
    }

    /// <summary>One node that refuses it keeps it from being proven; all others serve it.</summary>
    [Theory]
    [InlineData(10, 37, 0)]
    [InlineData(40, 7, 1)]
    public async Task A_successor_that_a_node_never_proves_is_renewed_in_its_turn(int age, int daysLeft, int opened)
    {
        await using var bench = await PathBench.StartAsync(database);
        var served = await ServedAsync(bench, dueIn: -40, daysLeft: -20);
        var stuck = await bench.OrderAsync(
            OrderState.PendingDeployment, row => row.Kind = OrderKind.Renewal, served.Domain);
        var now = bench.Clock.GetUtcNow();
        await bench.SqlAsync(
            $"""
             UPDATE bundles SET not_before = {now.AddDays(-age)}, not_after = {now.AddDays(daysLeft)}
             WHERE order_id = {stuck.Id}
             """);

        await SweepAsync(bench);
        await SweepAsync(bench);

        Assert.Equal(1 + opened, (await SuccessorsAsync(bench)).Count);
    }

    [Theory]
    [InlineData(199, 6, 1)]
    [InlineData(199, 8, 0)]
    [InlineData(24, 3, 1)]
    [InlineData(24, 5, 0)]
    public async Task Operators_are_alarmed_once_when_a_late_one_has_few_days_left(int life, int daysLeft, int alarms)
    {
        await using var bench = await PathBench.StartAsync(database);
        var served = await ServedAsync(bench, dueIn: -1, daysLeft);
        var until = bench.Clock.GetUtcNow().AddDays(daysLeft);
        await bench.SqlAsync($"UPDATE bundles SET not_before = {until.AddDays(-life)}, not_after = {until}");

        await SweepAsync(bench);
        await SweepAsync(bench);

        Assert.Equal(alarms, await bench.ValueAsync<int>(
            $"""SELECT count(*)::int AS "Value" FROM events WHERE type = {EventTypes.RenewalCritical}"""));
        Assert.Equal(alarms > 0, (await bench.ReadAsync(served)).Domain.RenewalAlarmedAt is not null);
    }

    [Fact]
    public async Task Certificates_of_equal_dates_are_planned_for_different_days()
    {
        await using var bench = await PathBench.StartAsync(database);
        var orders = new List<Order>();
        for (var n = 0; n < 6; n++)
        {
            orders.Add(await ServedAsync(bench, dueIn: 0, daysLeft: 199));
        }

        await bench.SqlAsync($"UPDATE domains SET renew_at = NULL");
        await SweepAsync(bench);

        var planned = new List<DateTimeOffset>();
        foreach (var order in orders)
        {
            planned.Add((await bench.ReadAsync(order)).Domain.RenewAt!.Value);
        }

        Assert.Equal(6, planned.Select(moment => moment.Date).Distinct().Count());
        Assert.All(planned, moment => Assert.InRange(
            moment, bench.Clock.GetUtcNow().AddDays(32), bench.Clock.GetUtcNow().AddDays(133)));
    }

    [Fact]
    public async Task The_proof_of_the_last_node_plans_the_next_renewal_and_forgets_what_failed()
    {
        await using var bench = await PathBench.StartAsync(database);
        var (node, _) = await bench.NodeAsync("a");
        var served = await ServedAsync(bench, dueIn: -1, daysLeft: 6);
        await bench.SqlAsync($"UPDATE domains SET renewal_failures = 3, renewal_alarmed_at = now()");
        var renewed = await bench.OrderAsync(OrderState.PendingDeployment, of: served.Domain);

        var waiting = await bench.TurnAsync(renewed);
        Assert.Equal(served.BundleId, waiting.Domain.ActiveBundleId);
        Assert.Equal(OrderState.Active, (await bench.ReadAsync(served)).State);

        await bench.ReportAsync(node, renewed, await bench.FingerprintAsync(renewed));
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        var active = await bench.TurnAsync(renewed);

        Assert.Equal((0, null), (active.Domain.RenewalFailures, active.Domain.RenewalAlarmedAt));
        Assert.InRange(
            active.Domain.RenewAt!.Value, bench.Clock.GetUtcNow().AddDays(32), bench.Clock.GetUtcNow().AddDays(133));
        Assert.Equal(OrderState.Superseded, (await bench.ReadAsync(served)).State);
    }

    private static async Task<Order> ServedAsync(PathBench bench, int dueIn, int daysLeft)
    {
        var order = await bench.OrderAsync(OrderState.Active);
        var (due, end) = (bench.Clock.GetUtcNow().AddDays(dueIn), bench.Clock.GetUtcNow().AddDays(daysLeft));
        await bench.SqlAsync(
            $"""
             UPDATE domains SET status = 'Active', active_bundle_id = {order.BundleId}, activated_at = created_at,
                 renew_at = {due}, expires_at = {end}
             WHERE id = {order.DomainId}
             """);
        return await bench.ReadAsync(order);
    }

    private static async Task SweepAsync(PathBench bench)
    {
        using var calendar = new RenewalCalendar(bench, bench.Clock);
        await new RenewalSweep(
            bench, bench.Authorities, calendar, bench.Wakes, bench.Clock, NullLogger<RenewalSweep>.Instance)
            .RunAsync(default);
    }

    private static async Task<List<Order>> SuccessorsAsync(PathBench bench)
    {
        await using var db = bench.Open();
        return await db.Orders.AsNoTracking().Where(order => order.Kind == OrderKind.Renewal)
            .OrderBy(order => order.Sequence).ToListAsync();
    }
}
