using System.Net;
using ControlPlane.Dns;
using ControlPlane.Domains;
using ControlPlane.Domains.Renewing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.Domains.Renewing;

/// <summary>Two years of eight names at 47 days, through every step of the path, with what goes wrong in two
/// years.</summary>
public sealed class TwoYearsTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    private const int Names = 8;

    private static readonly TimeSpan TwoYears = TimeSpan.FromDays(730);

    /// <summary>From the start, in days; each happens once.</summary>
    private static readonly (double Day, Action<YearCa> What)[] Happens =
    [
        (60, ca => ca.LoseNext = ("reissue", IsDone: true)),
        (120, ca => ca.LoseNext = ("reissue", IsDone: false)),
        (200, ca => ca.IsAway = true),
        (207, ca => ca.IsAway = false),
        (260, ca => ca.DropsReissues = true),
        (270, ca => ca.DropsReissues = false),
        (330, ca => ca.LoseNext = ("place", IsDone: true)),
        (500, ca => ca.LoseNext = ("reissue", IsDone: true)),
    ];

    [Fact]
    public async Task No_name_ever_serves_an_expired_certificate_and_nothing_is_bought_twice()
    {
        await using var bench = await PathBench.StartAsync(database);
        bench.Fleet = new FleetOptions { CnameTarget = "edge.example.com", Addresses = ["192.0.2.7"] };
        bench.DnsServer = DnsServer.Start(new IPEndPoint(IPAddress.Loopback, 0), question => question.Type switch
        {
            _ when question.Name != "edge.example.com" =>
                DnsReply.Of(new CnameRecord(question.Name, 1, "edge.example.com")),
            DnsRecordType.AAAA => DnsReply.Of(),
            _ => DnsReply.Of(new AddressRecord(question.Name, 1, IPAddress.Parse("192.0.2.7"))),
        });
        var ca = new YearCa(bench.Pki, bench.Clock);
        (bench.OtherCa, bench.OtherAnchors) = (ca, bench.Pki.Anchors);
        var (node, _) = await bench.NodeAsync("a");
        var start = bench.Clock.GetUtcNow();
        for (var n = 0; n < Names; n++)
        {
            var order = await bench.OrderAsync(OrderState.PendingDns);
            // Not all on one day: a customer every other day.
            var begins = start.AddDays(2 * n);
            await bench.SqlAsync($"UPDATE orders SET next_attempt_at = {begins} WHERE id = {order.Id}");
        }

        using var calendar = new RenewalCalendar(bench, bench.Clock);
        var sweep = new RenewalSweep(
            bench, bench.Authorities, calendar, bench.Wakes, bench.Clock, NullLogger<RenewalSweep>.Instance);
        var happened = 0;
        var smallestMargin = TimeSpan.MaxValue;
        while (bench.Clock.GetUtcNow() - start is var passed && passed < TwoYears)
        {
            for (; happened < Happens.Length && passed.TotalDays >= Happens[happened].Day; happened++)
            {
                Happens[happened].What(ca);
            }

            await sweep.RunAsync(default);
            while (await DueAsync(bench) is { Count: > 0 } due)
            {
                foreach (var order in due)
                {
                    await WorkAsync(bench, node, order);
                }
            }

            var (margin, next) = await LookAsync(bench);
            smallestMargin = margin < smallestMargin ? margin : smallestMargin;
            Assert.True(margin > TimeSpan.Zero, $"After {passed} a name serves an expired certificate.");
            // A program may be slow, and a week of looks at a CA that is away proves nothing more.
            var hop = ca.IsAway ? TimeSpan.FromHours(6) : TimeSpan.FromSeconds(1);
            var until = next - bench.Clock.GetUtcNow();
            var nextEvent = happened < Happens.Length
                ? start.AddDays(Happens[happened].Day) - bench.Clock.GetUtcNow()
                : TwoYears;
            until = until < nextEvent ? until : nextEvent;
            bench.Clock.Advance(until > hop ? until : hop);
        }

        Assert.True(smallestMargin > TimeSpan.FromDays(5), $"The smallest margin was {smallestMargin}.");
        Assert.Equal(["reissue", "reissue", "place", "reissue"], ca.Lost);
        Assert.Equal(Names, ca.Orders.Select(sold => sold.Hostname).Distinct().Count());
        foreach (var bought in ca.Orders.GroupBy(sold => sold.Hostname))
        {
            var inTurn = bought.OrderBy(sold => sold.Begin).ToList();
            Assert.InRange(inTurn.Count, 2, 3);
            foreach (var (before, after) in inTurn.Zip(inTurn.Skip(1)))
            {
                // Only when the one before would not have covered a whole lifetime more; and linked to it.
                Assert.InRange((before.End - after.Begin).TotalDays, 0, 47);
                Assert.Equal(before.Id, after.RenewalOf);
            }
        }

        Assert.Equal(ca.Orders.Count, ca.Orders.Select(sold => sold.Order).Distinct().Count());
        var asked = ca.Orders.SelectMany(sold => sold.Asked).ToList();
        Assert.Equal(asked.Count, asked.Select(one => one.Key).Distinct().Count());
        Assert.All(asked, one => Assert.NotNull(one.Chain));
        await using var db = bench.Open();
        var kinds = await db.Orders.GroupBy(order => order.Kind)
            .ToDictionaryAsync(kind => kind.Key, kind => kind.Count());
        Assert.Equal(Names, kinds[OrderKind.New]);
        Assert.Equal(ca.Orders.Count - Names, kinds[OrderKind.Renewal]);
        Assert.True(kinds[OrderKind.Reissue] > 20 * Names);
        // What failed within the ten days was told; nothing else failed.
        var failures = await db.Orders.Where(order => order.State == OrderState.Failed).ToListAsync();
        Assert.NotEmpty(failures);
        Assert.All(failures, order => Assert.InRange(order.ClosedAt!.Value, start.AddDays(260), start.AddDays(272)));
    }

    /// <summary>One turn; a bundle that is handed to the nodes is taken up and proven by the one there is.</summary>
    private static async Task WorkAsync(PathBench bench, Guid node, Order order)
    {
        var after = await bench.TurnAsync(order);
        if (order.State == OrderState.PendingIssuance && after.State == OrderState.PendingDeployment)
        {
            await bench.PublishAsync();
            await bench.ReportAsync(node, after, await bench.FingerprintAsync(after));
        }
    }

    private static async Task<List<Order>> DueAsync(PathBench bench)
    {
        await using var db = bench.Open();
        var now = bench.Clock.GetUtcNow();
        return await db.Orders.AsNoTracking().Where(order => order.NextAttemptAt <= now).ToListAsync();
    }

    /// <summary>The least that any served certificate has left, and when there is something to do again.</summary>
    private static async Task<(TimeSpan Margin, DateTimeOffset Next)> LookAsync(PathBench bench)
    {
        await using var db = bench.Open();
        var now = bench.Clock.GetUtcNow();
        var ends = await db.Domains.MinAsync(domain => domain.ExpiresAt);
        var attempt = await db.Orders.MinAsync(order => order.NextAttemptAt);
        var renewal = await db.Domains.Where(domain => domain.RenewAt > now).MinAsync(domain => domain.RenewAt);
        var next = new[] { attempt, renewal, now + TwoYears }.OfType<DateTimeOffset>().Min();
        return (ends - now ?? TimeSpan.MaxValue, next);
    }
}
