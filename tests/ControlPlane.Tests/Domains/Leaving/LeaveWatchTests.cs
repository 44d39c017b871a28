using System.Net;
using ControlPlane.Dns;
using ControlPlane.Domains;
using ControlPlane.Domains.Leaving;
using ControlPlane.Domains.Preflight;
using ControlPlane.Domains.Probing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Tests.Domains.Leaving;

/// <summary>Active names over real DNS messages, on a clock that the test moves.</summary>
public sealed class LeaveWatchTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    private static readonly IPAddress Ours = IPAddress.Parse("192.0.2.7");

    [Fact]
    public async Task A_name_that_stays_away_is_told_before_and_after_and_comes_back_by_itself()
    {
        var isAway = true;
        await using var bench = await StartAsync(question => !isAway ? Here(question)
            : question.Name == "elsewhere.test" ? DnsReply.NoSuchName
            : DnsReply.Of(new CnameRecord(question.Name, 1, "elsewhere.test")));
        var domain = await ActiveAsync(bench);

        await LookAsync(bench, domain);
        var first = await ReadAsync(bench, domain);
        Assert.Equal((1, null), (first.DnsFailedLooks, first.RenewalsStoppedAt));

        // Days, but too few looks: the watch may have been down.
        bench.Clock.Advance(TimeSpan.FromDays(8));
        await LookAsync(bench, domain);
        Assert.Null((await ReadAsync(bench, domain)).RenewalsStoppedAt);
        for (var look = 3; look <= Leave.AfterLooks; look++)
        {
            await LookAsync(bench, domain);
        }

        var stopped = await ReadAsync(bench, domain);
        Assert.Equal((7, first.DnsAwaySince), (stopped.DnsFailedLooks, stopped.DnsAwaySince));
        Assert.NotNull(stopped.RenewalsStoppedAt);
        await LookAsync(bench, domain);
        Assert.Equal(stopped.RenewalsStoppedAt, (await ReadAsync(bench, domain)).RenewalsStoppedAt);

        isAway = false;
        await LookAsync(bench, domain);
        var back = await ReadAsync(bench, domain);
        Assert.Equal((null, 0, null), (back.DnsAwaySince, back.DnsFailedLooks, back.RenewalsStoppedAt));
        Assert.Equal(
            ["domain.moved-away", "domain.renewals-stopped", "domain.came-back"], await EventsAsync(bench, domain));
    }

    [Fact]
    public async Task Seven_looks_within_a_week_stop_nothing()
    {
        await using var bench = await StartAsync(_ => DnsReply.NoSuchName);
        var domain = await ActiveAsync(bench);
        for (var look = 0; look < 20; look++)
        {
            await LookAsync(bench, domain);
        }

        Assert.Null((await ReadAsync(bench, domain)).RenewalsStoppedAt);
        Assert.Equal(["domain.moved-away"], await EventsAsync(bench, domain));
    }

    [Fact]
    public async Task What_could_not_be_asked_counts_as_nothing()
    {
        var fails = true;
        await using var bench = await StartAsync(question => fails ? DnsReply.Failure : DnsReply.NoSuchName);
        var domain = await ActiveAsync(bench);
        for (var look = 0; look < 9; look++)
        {
            bench.Clock.Advance(TimeSpan.FromDays(1));
            await LookAsync(bench, domain);
        }

        Assert.Null((await ReadAsync(bench, domain)).DnsAwaySince);
        fails = false;
        await LookAsync(bench, domain);
        fails = true;
        await LookAsync(bench, domain);
        Assert.Equal(1, (await ReadAsync(bench, domain)).DnsFailedLooks);
        Assert.Equal(["domain.moved-away"], await EventsAsync(bench, domain));
    }

    [Fact]
    public async Task While_an_order_of_the_name_is_under_way_its_own_step_looks()
    {
        await using var bench = await StartAsync(_ => DnsReply.NoSuchName);
        var domain = await ActiveAsync(bench);
        await bench.OrderAsync(OrderState.PendingDns, of: await ReadAsync(bench, domain));

        await LookAsync(bench, domain);

        Assert.Null((await ReadAsync(bench, domain)).DnsAwaySince);
    }

    [Fact]
    public async Task A_renewal_that_failed_does_not_keep_the_watch_from_looking()
    {
        await using var bench = await StartAsync(_ => DnsReply.NoSuchName);
        var domain = await ActiveAsync(bench);
        await bench.OrderAsync(OrderState.Failed, of: await ReadAsync(bench, domain));

        await LookAsync(bench, domain);

        Assert.NotNull((await ReadAsync(bench, domain)).DnsAwaySince);
    }

    [Fact]
    public async Task A_name_behind_others_has_not_left_while_a_probe_arrives()
    {
        await using var bench = await StartAsync(question => question.Type == DnsRecordType.A
            ? DnsReply.Of(new AddressRecord(question.Name, 1, IPAddress.Loopback))
            : DnsReply.Of());
        var (_, node) = await bench.NodeAsync("a");
        bench.Fleet = new FleetOptions
        {
            CnameTarget = "edge.example.com",
            ProbePort = node.Endpoint.Port,
            ProbeReservedAddresses = true,
        };
        var domain = await ActiveAsync(bench);

        await LookAsync(bench, domain);
        Assert.Null((await ReadAsync(bench, domain)).DnsAwaySince);
        node.Blind = true;
        await LookAsync(bench, domain);
        Assert.NotNull((await ReadAsync(bench, domain)).DnsAwaySince);
    }

    [Fact]
    public async Task Looks_are_spread_over_a_day_and_one_that_is_not_due_is_not_made()
    {
        var asked = 0;
        await using var bench = await StartAsync(question =>
        {
            Interlocked.Increment(ref asked);
            return Here(question);
        });
        for (var i = 0; i < 20; i++)
        {
            await ActiveAsync(bench);
        }

        await Watch(bench).RunAsync(default);
        Assert.Equal(0, asked);
        await using (var db = bench.Open())
        {
            var due = await db.Domains.Select(row => row.DnsLookDueAt!.Value).ToListAsync();
            Assert.All(due, at => Assert.InRange(at - bench.Clock.GetUtcNow(), TimeSpan.Zero, Leave.BetweenLooks));
            Assert.True(due.Distinct().Count() > 10);
        }

        bench.Clock.Advance(Leave.BetweenLooks);
        await Watch(bench).RunAsync(default);
        Assert.True(asked >= 20);
        asked = 0;
        await Watch(bench).RunAsync(default);
        Assert.Equal(0, asked);
    }

    private static DnsReply Here(DnsQuestion question) => question.Type == DnsRecordType.A
        ? DnsReply.Of(new AddressRecord(question.Name, 1, Ours))
        : DnsReply.Of();

    private static LeaveWatch Watch(PathBench bench) => new(
        new Resolvers(
            [new DnsClient(new DnsClientOptions { Servers = [bench.DnsServer!.EndPoint] }, TimeProvider.System)]),
        new PublicProbe(bench.Tokens, TimeProvider.System, Options.Create(bench.Fleet)), bench,
        Options.Create(bench.Fleet), bench.Clock);

    /// <summary>Makes the look due, and has it made.</summary>
    private static async Task LookAsync(PathBench bench, Guid domain)
    {
        await bench.SqlAsync(
            $"UPDATE domains SET dns_look_due_at = {bench.Clock.GetUtcNow().AddHours(-1)} WHERE id = {domain}");
        await Watch(bench).RunAsync(default);
        var due = (await ReadAsync(bench, domain)).DnsLookDueAt;
        Assert.True(due > bench.Clock.GetUtcNow());
    }

    private async Task<PathBench> StartAsync(Func<DnsQuestion, DnsReply> answer)
    {
        var bench = await PathBench.StartAsync(database);
        bench.Fleet = new FleetOptions { CnameTarget = "edge.example.com", Addresses = [Ours.ToString()] };
        bench.DnsServer = DnsServer.Start(new IPEndPoint(IPAddress.Loopback, 0), answer);
        return bench;
    }

    private static async Task<Guid> ActiveAsync(PathBench bench)
    {
        var order = await bench.OrderAsync(OrderState.Active);
        await bench.SqlAsync($"UPDATE domains SET status = 'Active' WHERE id = {order.DomainId}");
        return order.DomainId;
    }

    private static async Task<Domain> ReadAsync(PathBench bench, Guid domain)
    {
        await using var db = bench.Open();
        return await db.Domains.AsNoTracking().SingleAsync(row => row.Id == domain);
    }

    private static async Task<IReadOnlyList<string>> EventsAsync(PathBench bench, Guid domain)
    {
        await using var db = bench.Open();
        return await db.Events.Where(row => row.DomainId == domain).OrderBy(row => row.Id).Select(row => row.Type)
            .ToListAsync();
    }
}
