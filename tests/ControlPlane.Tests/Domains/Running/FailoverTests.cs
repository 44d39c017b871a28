using System.Net;
using ControlPlane.CertificateAuthorities;
using ControlPlane.CertificateAuthorities.Standings;
using ControlPlane.Dns;
using ControlPlane.Domains;
using ControlPlane.Tests.CertificateAuthorities.Acme;
using ControlPlane.Tests.Domains.Preflight;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.Domains.Running;

/// <summary>Where orders go when the chosen CA does not take them, and that none is bought twice.</summary>
public sealed class FailoverTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    private const string First = "certcentral";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>The second CA is pebble, with all its manners.</summary>
    [Fact]
    public async Task While_the_first_is_down_a_new_domain_becomes_active_and_nothing_is_bought_twice_once_it_is_back()
    {
        Assert.SkipUnless(Pebble.IsThere, "pebble is not installed (apt-get install pebble).");
        await using var bench = await PathBench.StartAsync(database);
        var (node, port) = await bench.NodeAsync("a");
        await using var pebble = await Pebble.StartAsync(port.Endpoint.Port);
        using var second = new AcmeBench(bench, AcmeBench.For(pebble));
        Use(bench, second.Authority);
        bench.OtherAnchors = [await pebble.RootAsync(0), await pebble.RootAsync(1)];
        bench.Clock.Advance(TimeProvider.System.GetUtcNow() - bench.Clock.GetUtcNow());

        // The call arrives and its answer is lost; then the CA is gone.
        bench.Ca.OnPlace = _ => throw StandInCa.Fault(CaFailure.AnswerLost);
        var lost = await bench.TurnAsync(await bench.OrderAsync(OrderState.PendingOrder));
        Down(bench);
        var waiting = await bench.OrderAsync(OrderState.PendingOrder);
        while ((await bench.ReadAsync(waiting)).Ca == First)
        {
            var due = (await bench.ReadAsync(waiting)).NextAttemptAt!.Value;
            bench.Clock.Advance(due > bench.Clock.GetUtcNow() ? due - bench.Clock.GetUtcNow() : TimeSpan.Zero);
            await bench.TurnAsync(waiting);
        }

        Assert.Contains("ca-order.other-ca", await bench.EventsAsync(waiting));
        var tried = bench.Ca.Paid.Count;
        var next = await bench.OrderAsync(OrderState.PendingOrder);
        foreach (var order in new[] { waiting, next })
        {
            await ServeAsync(bench, order, node);
        }

        // Who comes now does not even try the first; who may be there already stays, and waits.
        Assert.Equal(tried, bench.Ca.Paid.Count);
        bench.Clock.Advance(TimeSpan.FromMinutes(10));
        var stays = await bench.TurnAsync(lost);
        Assert.Equal((First, OrderState.PendingOrder, "ca-not-reachable"), (stays.Ca, stays.State, stays.Reason));

        Back(bench, lost);
        await SweepAsync(bench);
        bench.Clock.Advance(TimeSpan.FromMinutes(10));
        var found = await bench.TurnAsync(lost);
        Assert.Equal((First, "found-1"), (found.Ca, found.CaOrderId));
        var later = await bench.TurnAsync(await bench.OrderAsync(OrderState.PendingOrder));
        Assert.Equal((First, StandInCa.OrderId), (later.Ca, later.CaOrderId));

        // Each at one CA, and paid for once: what the first did not answer it did not take, but for the one found.
        Assert.Single(bench.Ca.Paid, paid => paid.Order == lost.Id);
        Assert.Single(bench.Ca.Paid, paid => paid.Order == later.Id);
        Assert.DoesNotContain(bench.Ca.Paid, paid => paid.Order == next.Id);
        Assert.Equal((1, 1), ((await bench.SeenAsync(waiting)).Count, (await bench.SeenAsync(next)).Count));
        Assert.Equal(0, await bench.ValueAsync<int>($"SELECT sum(failures)::int AS \"Value\" FROM ca_standings"));
    }

    [Theory]
    [InlineData(nameof(CaFailure.CredentialRefused), 0, "has refused our credential")]
    [InlineData(nameof(CaFailure.NoBudget), 120, "takes no more of us until")]
    [InlineData(nameof(CaFailure.NoBudget), 1, null)]
    [InlineData(nameof(CaFailure.NotDone), 0, null)]
    public async Task A_refused_credential_and_a_quota_gone_for_long_move_an_order_at_once_and_one_failure_does_not(
        string failure, int minutes, string? why)
    {
        await using var bench = await PathBench.StartAsync(database);
        var second = Second();
        Use(bench, second);
        bench.Ca.OnPlace = _ => throw StandInCa.Fault(
            Enum.Parse<CaFailure>(failure), minutes > 0 ? TimeSpan.FromMinutes(minutes) : null);

        var order = await bench.TurnAsync(await bench.OrderAsync(OrderState.PendingOrder));

        Assert.Equal(why is null ? First : "second", order.Ca);
        Assert.Equal(why is null ? 0 : 1, second.Paid.Count);
        await using var db = bench.Open();
        var told = await db.Events.SingleOrDefaultAsync(one => one.Type == EventTypes.OrderAtOtherCa, Ct);
        Assert.Equal(why is null, told is null);
        Assert.Contains(why ?? "", told?.Message ?? "", StringComparison.Ordinal);
        Assert.EndsWith(why is null ? "" : " second takes its place.", told?.Message ?? "", StringComparison.Ordinal);
    }

    /// <summary>A tenant who uses up what the CA sells for one domain must not move everybody else.</summary>
    [Fact]
    public async Task A_quota_moves_the_name_that_met_it_and_the_others_once_another_domain_has_met_it_too()
    {
        await using var bench = await PathBench.StartAsync(database);
        Use(bench, Second());
        var takes = bench.Ca.OnPlace;
        bench.Ca.OnPlace = request => request.Hostname.EndsWith("greedy.example", StringComparison.Ordinal)
            ? throw StandInCa.Fault(CaFailure.NoBudget, TimeSpan.FromHours(2))
            : takes(request);
        Assert.Equal("second", (await PlaceAsync("a.greedy.example")).Ca);
        Assert.Equal("second", (await PlaceAsync("b.greedy.example")).Ca);
        Assert.Equal(First, (await PlaceAsync("shop.modest.example")).Ca);

        bench.Ca.OnPlace = _ => throw StandInCa.Fault(CaFailure.NoBudget, TimeSpan.FromHours(2));
        Assert.Equal("second", (await PlaceAsync("a.greedy.example")).Ca);
        Assert.Equal("second", (await PlaceAsync("shop.other.example")).Ca);
        var asked = bench.Ca.Paid.Count;
        Assert.Equal("second", (await PlaceAsync("shop.third.example")).Ca);
        Assert.Equal(asked, bench.Ca.Paid.Count);

        async Task<Order> PlaceAsync(string hostname)
        {
            var order = await bench.OrderAsync(OrderState.PendingOrder);
            await bench.SqlAsync($"UPDATE domains SET hostname = {hostname} WHERE id = {order.DomainId}");
            await bench.SqlAsync($"UPDATE orders SET hostname = {hostname} WHERE id = {order.Id}");
            var placed = await bench.TurnAsync(await bench.ReadAsync(order));
            // The name may come again.
            await bench.SqlAsync($"UPDATE orders SET hostname = {$"{order.Id}.example"} WHERE id = {order.Id}");
            await bench.SqlAsync($"UPDATE domains SET hostname = {$"{order.Id}.example"} WHERE id = {order.DomainId}");
            return placed;
        }
    }

    [Fact]
    public async Task A_ca_that_is_back_is_tried_with_one_order_and_after_one_more_failure_is_down_as_before()
    {
        await using var bench = await PathBench.StartAsync(database);
        var second = Second();
        Use(bench, second);
        await DownSinceAsync(bench);
        bench.Ca.OnPlace = _ => throw StandInCa.Fault(CaFailure.NotDone);
        bench.Ca.OnChanges = () => throw StandInCa.Fault(CaFailure.NotDone);

        await SweepAsync(bench);
        Assert.Equal("second", (await bench.TurnAsync(await bench.OrderAsync(OrderState.PendingOrder))).Ca);
        Assert.Empty(bench.Ca.Paid);

        // It answers again and still takes no orders: one is tried, and goes on at once.
        bench.Ca.OnChanges = () => [];
        await SweepAsync(bench);
        Assert.Equal("second", (await bench.TurnAsync(await bench.OrderAsync(OrderState.PendingOrder))).Ca);
        Assert.Single(bench.Ca.Paid);
        Assert.Equal("second", (await bench.TurnAsync(await bench.OrderAsync(OrderState.PendingOrder))).Ca);
        Assert.Single(bench.Ca.Paid);
    }

    [Theory]
    [InlineData("submitted")]
    [InlineData("uncertain")]
    [InlineData("doubted")]
    [InlineData("to be reissued")]
    public async Task An_order_that_may_be_at_the_ca_already_never_moves(string what)
    {
        await using var bench = await PathBench.StartAsync(database);
        var second = Second();
        Use(bench, second);
        await DownSinceAsync(bench);
        Down(bench);
        bench.Ca.OnPlace = _ => throw StandInCa.Fault(CaFailure.NotDone);
        var order = await bench.OrderAsync(OrderState.PendingOrder, row =>
        {
            (row.Csr, row.KeyId) = ([0x30, 0], Guid.CreateVersion7());
            row.SubmittedAt = what == "submitted" ? row.CreatedAt.AddHours(-1) : null;
            row.UncertainSince = what == "uncertain" ? row.CreatedAt : null;
            row.DoubtedAt = what == "doubted" ? row.CreatedAt : null;
            row.CaOrderId = what == "to be reissued" ? "4711" : null;
        });

        var stays = await bench.TurnAsync(order);

        Assert.Equal(First, stays.Ca);
        Assert.Empty(second.Paid);
    }

    [Fact]
    public async Task Where_caa_allows_only_the_first_the_order_waits_and_its_reason_says_so()
    {
        await using var bench = await PathBench.StartAsync(database);
        var names = new DnsTable();
        bench.DnsServer = DnsServer.Start(new IPEndPoint(IPAddress.Loopback, 0), names.Answer);
        names.Set("shop-1.example.com", CaaTexts.Parse("0 issue \"ca.example\""));
        Use(bench, Second("second.example"));
        await DownSinceAsync(bench);
        bench.Ca.OnPlace = _ => throw StandInCa.Fault(CaFailure.NotDone);

        var order = await bench.TurnAsync(await bench.OrderAsync(OrderState.PendingOrder));

        Assert.Equal((First, "ca-not-reachable"), (order.Ca, order.Reason));
        Assert.Contains("second may not take its place: At shop-1.example.com", order.ReasonDetail!,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_so_many_orders_move_within_an_hour_and_the_others_say_why_they_wait()
    {
        await using var bench = await PathBench.StartAsync(database);
        var second = Second();
        Use(bench, second, options => options with { FailoversPerHour = 2, FailoversPerDay = 3 });
        await DownSinceAsync(bench);
        bench.Ca.OnPlace = _ => throw StandInCa.Fault(CaFailure.NotDone);

        Assert.Equal(2, await MovedAsync(bench, 4));
        await using var db = bench.Open();
        var waiting = await db.Orders.Where(order => order.State == OrderState.PendingOrder).FirstAsync(Ct);
        Assert.EndsWith("second has taken as many orders of others as it may.", waiting.ReasonDetail);

        bench.Clock.Advance(TimeSpan.FromHours(1.5));
        Assert.Equal(1, await MovedAsync(bench, 2));
        bench.Clock.Advance(TimeSpan.FromHours(1.5));
        Assert.Equal(0, await MovedAsync(bench, 1));
    }

    [Fact]
    public async Task A_renewal_that_comes_back_is_reissued_under_the_order_that_is_paid_for()
    {
        await using var bench = await PathBench.StartAsync(database);
        bench.DnsServer = DnsServer.Start(new IPEndPoint(IPAddress.Loopback, 0), new DnsTable().Answer);
        var second = Second();
        Use(bench, second);
        var order = await CoveredAsync(bench);
        await DownSinceAsync(bench);
        second.OnPlace = _ => throw StandInCa.Fault(CaFailure.NotDone);

        var away = await bench.TurnAsync(order);
        Assert.Equal(("second", OrderKind.Renewal, 1), (away.Ca, away.Kind, second.Paid.Count));

        await bench.SqlAsync($"DELETE FROM ca_standings WHERE ca = {First}");
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        var back = await bench.TurnAsync(order);

        Assert.Equal((First, OrderKind.Reissue, "4711"), (back.Ca, back.Kind, back.CaOrderId));
        Assert.Empty(bench.Ca.Paid);
        Assert.Equal(["4711"], bench.Ca.Reissued);
    }

    [Fact]
    public async Task A_renewal_that_may_not_move_yet_waits_unbound_and_moves_when_it_may()
    {
        await using var bench = await PathBench.StartAsync(database);
        var second = Second();
        Use(bench, second, options => options with { FailoversPerHour = 1 });
        var order = await CoveredAsync(bench);
        await DownSinceAsync(bench);
        Down(bench);
        Assert.Equal(1, await MovedAsync(bench, 1));

        var waiting = await bench.TurnAsync(order);
        Assert.Equal((First, "ca-not-reachable", null), (waiting.Ca, waiting.Reason, waiting.CaOrderId));

        bench.Clock.Advance(TimeSpan.FromHours(1.5));
        var moved = await bench.TurnAsync(order);
        Assert.Equal(("second", OrderState.PendingValidation), (moved.Ca, moved.State));
        Assert.Empty(bench.Ca.Paid);
    }

    [Fact]
    public async Task One_ca_whose_key_does_not_open_keeps_no_other_from_coming_back()
    {
        await using var bench = await PathBench.StartAsync(database);
        var second = Second();
        Use(bench, second);
        await DownSinceAsync(bench);
        await bench.SqlAsync(
            $"""
             INSERT INTO ca_standings (ca, calls, failures, failing_since, failed_at)
             SELECT 'second', calls, failures, failing_since, failed_at FROM ca_standings
             """);
        second.OnChanges = () => throw new VaultException("Its key is gone.");

        await SweepAsync(bench);

        Assert.Equal(4, await bench.ValueAsync<int>(
            $"""SELECT failures AS "Value" FROM ca_standings WHERE ca = {First} AND calls = 'Orders'"""));
    }

    [Fact]
    public async Task A_domains_choice_goes_before_its_tenants_and_that_before_the_configured_one()
    {
        await using var bench = await PathBench.StartAsync(database);
        var second = Second();
        (bench.OtherCa, bench.DefaultCa) = (second, First);

        Assert.Equal(First, (await bench.TurnAsync(await bench.OrderAsync(OrderState.PendingOrder))).Ca);
        await bench.SqlAsync($"UPDATE tenants SET certificate_authority = 'second'");
        Assert.Equal("second", (await bench.TurnAsync(await bench.OrderAsync(OrderState.PendingOrder))).Ca);
        var order = await bench.OrderAsync(OrderState.PendingOrder);
        await bench.SqlAsync($"UPDATE domains SET certificate_authority = 'certcentral' WHERE id = {order.DomainId}");
        Assert.Equal(First, (await bench.TurnAsync(order)).Ca);
        Assert.Equal((2, 1), (bench.Ca.Paid.Count, second.Paid.Count));
    }

    private static void Use(
        PathBench bench, ICertificateAuthority second, Func<FailoverOptions, FailoverOptions>? change = null)
    {
        (bench.OtherCa, bench.DefaultCa) = (second, First);
        var options = new FailoverOptions { Failover = [second.Name] };
        bench.FailoverOptions = change is null ? options : change(options);
    }

    /// <summary>It looks at CAA only where it has a name there.</summary>
    private static StandInCa Second(params string[] identities) =>
        new() { Name = "second", CaaIdentities = identities };

    /// <summary>The second order of a domain whose first one at the first CA lasts for most of a year, at its turn to
    /// be placed.</summary>
    private static async Task<Order> CoveredAsync(PathBench bench)
    {
        var end = bench.Clock.GetUtcNow().AddDays(300);
        var served = await bench.OrderAsync(OrderState.Active, row =>
            (row.CaOrderId, row.CaValidUntil, row.CaCertificateId) = ("4711", end, "cert-before"));
        bench.Ca.OnRead = () => new CaOrder("4711", "cert-before", CaOrderStatus.Issued, "issued", null)
        {
            ValidUntil = end,
            Reissues = 0,
        };
        return await bench.OrderAsync(OrderState.PendingOrder, row => row.Kind = OrderKind.Renewal, served.Domain);
    }

    private static void Down(PathBench bench)
    {
        bench.Ca.OnPlace = _ => throw StandInCa.Fault(CaFailure.NotDone);
        bench.Ca.OnFind = _ => throw StandInCa.Fault(CaFailure.NotDone);
        bench.Ca.OnChanges = () => throw StandInCa.Fault(CaFailure.NotDone);
    }

    private static void Back(PathBench bench, Order lost)
    {
        bench.Ca.OnPlace = _ => Task.FromResult(new PlacedOrder(StandInCa.OrderId, null, Token: null));
        bench.Ca.OnFind = id => id == lost.Id ? [StandInCa.Told(CaOrderStatus.Pending, "found-1")] : [];
        bench.Ca.OnChanges = () => [];
    }

    /// <summary>As others have found it, for an hour up to now.</summary>
    private static Task DownSinceAsync(PathBench bench)
    {
        var now = bench.Clock.GetUtcNow();
        return bench.SqlAsync(
            $"""
             INSERT INTO ca_standings (ca, calls, failures, failing_since, failed_at)
             SELECT {First}, unnest(ARRAY['Orders', 'Others']), 9, {now.AddHours(-1)}, {now}
             """);
    }

    private static Task SweepAsync(PathBench bench) =>
        new StandingSweep(
            bench.Authorities, bench, bench.Standings, NullLogger<StandingSweep>.Instance).RunAsync(Ct);

    private static async Task<int> MovedAsync(PathBench bench, int orders)
    {
        var moved = 0;
        for (var order = 0; order < orders; order++)
        {
            var turned = await bench.TurnAsync(await bench.OrderAsync(OrderState.PendingOrder));
            moved += turned.Ca == First ? 0 : 1;
        }

        return moved;
    }

    /// <summary>Turns an order whenever it is due until its certificate is there, and has the node prove it.</summary>
    private static async Task ServeAsync(PathBench bench, Order order, Guid node)
    {
        await Eventually.TrueAsync(
            async () =>
            {
                bench.Clock.Advance(TimeSpan.FromSeconds(1));
                var now = await bench.ReadAsync(order);
                return (now.NextAttemptAt <= bench.Clock.GetUtcNow() ? await bench.TurnAsync(now) : now).State
                    == OrderState.PendingDeployment;
            },
            "its certificate is there");
        await bench.PublishAsync();
        await bench.ReportAsync(node, order, await bench.FingerprintAsync(order));
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        var active = await bench.TurnAsync(order);
        Assert.Equal((OrderState.Active, "test"), (active.State, active.Ca));
        Assert.Equal(DomainStatus.Active, active.Domain.Status);
    }
}
