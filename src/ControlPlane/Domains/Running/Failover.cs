using ControlPlane.CertificateAuthorities;
using ControlPlane.CertificateAuthorities.Standings;
using ControlPlane.Domains.Preflight;
using ControlPlane.Domains.Renewing;
using ControlPlane.Metrics;
using ControlPlane.Nodes.Fleets;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Domains.Running;

/// <summary>
/// Which CA an order goes to that is about to be placed: the chosen one, or, while that is down, the first of
/// <see cref="FailoverOptions.Failover"/> that is not, and that the name's CAA records allow. An order that may be at a
/// CA already never moves: it would be bought twice. Only so many move in an hour and a day.
/// </summary>
internal sealed class Failover(
    Authorities authorities, AuthorityChoice choice, CaaLookup caa, FailoverOptions options,
    IOptions<FleetOptions> fleet)
{
    /// <summary>May have to do with an order at the CA, or with one that is to be reissued there.</summary>
    public static bool IsBound(Order order) =>
        order is not { SubmittedAt: null, UncertainSince: null, DoubtedAt: null, CaOrderId: null };

    /// <summary>Moves the order when another CA is to have it, in a commit of its own.</summary>
    /// <returns>Whether it moved, and why it could not, where it should have.</returns>
    public async Task<(bool Moved, string? Why)> ChooseAsync(OrderRun run, CancellationToken ct)
    {
        var order = run.Order;
        if (IsBound(order))
        {
            return (false, null);
        }

        var chosen = await choice.OfAsync(run.Db, run.Domain, ct);
        if (chosen != order.Ca && !options.Failover.Contains(order.Ca))
        {
            // Chosen since the last look. Whether its CAA records allow that one it will say itself.
            return (await MoveAsync(run, chosen, isAway: false, [], ct), null);
        }

        if (options.Failover.Count == 0)
        {
            return (false, null);
        }

        var standings = await run.Db.CaStandings.AsNoTracking().ToListAsync(ct);
        var why = new List<string>();
        foreach (var name in options.Failover.Prepend(chosen).Distinct())
        {
            if (WhyDown(standings, name, run) is { } down)
            {
                why.Add($"{name} {down}.");
            }
            else if (name == order.Ca || !authorities.Names.Contains(name))
            {
                // What is not configured any more is for people: it is no outage.
                return (false, null);
            }
            else if (await ForbidsAsync(run, authorities.Of(name), ct) is { } forbids)
            {
                why.Add($"{name} may not take its place: {forbids}");
            }
            else if (await MoveAsync(run, name, isAway: name != chosen, [.. why], ct))
            {
                return (true, null);
            }
            else
            {
                why.Add($"{name} has taken as many orders of others as it may.");
                break;
            }
        }

        return (false, string.Join(' ', why));
    }

    private string? WhyDown(List<CaStanding> standings, string name, OrderRun run) => standings
        .Where(row => row.Ca == name).Select(row => row.WhyDown(options, run.Order.Hostname, run.Now))
        .FirstOrDefault(down => down is not null);

    /// <summary>In the records' own words, why a CA would refuse the name; null when it would not.</summary>
    private async Task<string?> ForbidsAsync(OrderRun run, ICertificateAuthority ca, CancellationToken ct)
    {
        var ways = await FleetWays.ReadAsync(run.Db, run.Domain.FleetId, fleet.Value, ct);
        var found = await run.CallAsync("ResolveCaa", () => caa.AskAsync(run.Order.Hostname, ca, ways, ct));
        return found is { Blocks: true } ? found.Detail : null;
    }

    private async Task<bool> MoveAsync(
        OrderRun run, string to, bool isAway, IReadOnlyList<string> why, CancellationToken ct)
    {
        var (order, from) = (run.Order, run.Order.Ca);
        await run.BeginAsync(ct);
        if (isAway && !await MayMoveAsync(run, ct))
        {
            await run.CommitAsync("NotMoved", ct);
            return false;
        }

        order.Ca = to;
        order.CaMovedAt = isAway ? run.Now : order.CaMovedAt;
        // What it follows is another order there, whose year may last: then nothing is bought.
        order.RenewalOf = null;
        await ReissueOrder.ChooseAsync(run, ct);
        run.Tell(
            EventTypes.OrderAtOtherCa,
            isAway ? $"{string.Join(' ', why)} {to} takes its place." : $"It goes to {to}, as was chosen.");
        run.AfterCommit(() => Instruments.Failover(from, to));
        await run.CommitAsync("Moved", ct);
        return true;
    }

    /// <summary>Counted one after the other, so that workers at the same time do not go beyond the bounds.</summary>
    private async Task<bool> MayMoveAsync(OrderRun run, CancellationToken ct)
    {
        await run.Db.Database.ExecuteSqlAsync(
            $"SELECT pg_advisory_xact_lock(hashtextextended('failover', 0))", ct);
        var (hour, day) = (run.Now - TimeSpan.FromHours(1), run.Now - TimeSpan.FromDays(1));
        return await run.Db.Orders.CountAsync(row => row.CaMovedAt > hour, ct) < options.FailoversPerHour
            && await run.Db.Orders.CountAsync(row => row.CaMovedAt > day, ct) < options.FailoversPerDay;
    }
}
