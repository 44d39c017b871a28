using ControlPlane.Domains;
using ControlPlane.Http;
using ControlPlane.Nodes.Fleets;
using ControlPlane.SupportConsole.Reading;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.SupportConsole.Pages;

/// <summary>Everything at a glance: what needs a person first.</summary>
/// <param name="Statuses">Stored statuses.</param>
/// <param name="Degraded">Of the active ones: those of fleets with a lost node, and those that a serving node does not
/// serve.</param>
/// <param name="Reasons">What domains wait for, or failed with.</param>
/// <param name="Fleets">All of them.</param>
/// <param name="Webhooks">Those that are disabled by themselves or held, and deliveries that were given up.</param>
/// <param name="Events">The last ones.</param>
internal sealed record Overview(
    IReadOnlyDictionary<DomainStatus, long> Statuses, long Degraded, IReadOnlyList<ReasonCount> Reasons,
    IReadOnlyList<FleetFacts> Fleets, WebhookTrouble Webhooks, IReadOnlyList<ToldEvent> Events)
{
    public long Of(WaitingOn party) =>
        Reasons.Where(count => count.Reason?.WaitingOn == party).Sum(count => count.Domains);
}

/// <summary>How many webhooks want a look.</summary>
internal sealed record WebhookTrouble(int Stopped, int Held, int Dead);

/// <summary>An event with the name it is about.</summary>
internal sealed record ToldEvent(DateTimeOffset At, string Type, string Message, Guid? Domain, string? Hostname);

/// <summary>GET /console.</summary>
internal static class OverviewRoute
{
    private const int Events = 12;

    public static void Map(RouteGroupBuilder pages) =>
        pages.MapGet("", HandleAsync).WithName("ConsoleOverview");

    private static async Task<IResult> HandleAsync(
        [AsParameters] ReadFleets.Tools tools, FleetCounts counts, SharedCounts shared, CancellationToken ct)
    {
        var (statuses, reasons, unserved) = await shared.ReadAsync(ct);
        var fleets = await ReadFleetFacts.AllAsync(tools, counts, ct);
        var broken = fleets.Where(fleet => fleet.Lost > 0).Select(fleet => fleet.View.Id).ToHashSet();
        var now = tools.Time.GetUtcNow().ToUniversalTime();
        var hooks = tools.Db.Webhooks;
        var trouble = new WebhookTrouble(
            await hooks.CountAsync(hook => hook.DisabledBecause != null
                && hook.DisabledBecause != Webhooks.DisabledBecause.Owner, ct),
            await hooks.CountAsync(hook => hook.Enabled && hook.HeldUntil > now, ct),
            await tools.Db.WebhookDeliveries.CountAsync(row => row.Status == Webhooks.DeliveryState.Dead, ct));
        var events = await (
            from told in tools.Db.Events
            join domain in tools.Db.Domains on told.DomainId equals domain.Id into domains
            from domain in domains.DefaultIfEmpty()
            orderby told.Id descending
            select new ToldEvent(told.At, told.Type, told.Message, told.DomainId, domain.Hostname))
            .Take(Events).ToListAsync(ct);
        var page = new Overview(
            statuses.GroupBy(count => count.Status)
                .ToDictionary(group => group.Key, group => group.Sum(count => count.Domains)),
            unserved + statuses.Where(count => count.Status == DomainStatus.Active && broken.Contains(count.Fleet))
                .Sum(count => count.Domains),
            reasons, fleets, trouble, events);
        return new HtmlPage<OverviewPage>("Overview", page) { LiveSeconds = 5 };
    }
}
