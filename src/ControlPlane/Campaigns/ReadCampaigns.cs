using System.ComponentModel;
using ControlPlane.Database;
using ControlPlane.Domains.Reading;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Campaigns;

/// <summary>Reads how far campaigns are, and each of their domains.</summary>
internal static class ReadCampaigns
{
    /// <summary>Not a state of its own: those that miss the deadline, whatever their state.</summary>
    private const string Late = "late";

    private static readonly Dictionary<string, CampaignDomainState> States =
        Enum.GetValues<CampaignDomainState>().ToDictionary(word => word.ToString().ToLowerInvariant());

    public static void Map(RouteGroupBuilder campaigns)
    {
        campaigns.MapGet("", ListAsync).RequireAuthorization(AccessPolicy.Support)
            .WithName("ListCampaigns").WithSummary("List campaigns")
            .Documented(
                "The latest first. Plans that were never started are kept for seven days.", Problems.InvalidField)
            .Example(null, new Page<CampaignView>([CampaignExamples.Running], null)).Produces<Page<CampaignView>>();
        campaigns.MapGet("{id:guid}", ReadAsync).RequireAuthorization(AccessPolicy.Support)
            .WithName("ReadCampaign").WithSummary("Read a campaign")
            .Documented(
                "How far it is, when it will be done by the pace it has shown, and how many will miss the deadline.",
                Problems.NotFound)
            .Example(null, CampaignExamples.Running).Produces<CampaignView>();
        campaigns.MapGet("{id:guid}/domains", DomainsAsync).RequireAuthorization(AccessPolicy.Support)
            .WithName("ListCampaignDomains").WithSummary("List the domains of a campaign")
            .Documented(
                "The most urgent first. `state=late` shows those that miss the deadline or are expected to, whatever "
                + "their state.",
                Problems.InvalidField, Problems.NotFound)
            .Words("state", [.. States.Keys, Late])
            .Example(null, new Page<CampaignDomainView>([CampaignExamples.Domain], null))
            .Produces<Page<CampaignDomainView>>();
        campaigns.MapGet("{id:guid}/events", EventsAsync).RequireAuthorization(AccessPolicy.Support)
            .WithName("ReadCampaignEvents").WithSummary("Read a campaign's events")
            .Documented(
                "Its start, pauses, deadline and end, oldest first. `after` leaves out what was read before; `limit` 1 "
                + "to 200.",
                Problems.NotFound, Problems.InvalidField)
            .Example(null, new Page<EventView>([CampaignExamples.Started], "44")).Produces<Page<EventView>>();
    }

    private static async Task<IResult> ListAsync(
        ControlPlaneDb db, TimeProvider time, CancellationToken ct, Guid? cursor = null,
        int limit = Page<CampaignView>.DefaultLimit)
    {
        if (Page<CampaignView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        var rows = await db.Campaigns.AsNoTracking().Where(row => cursor == null || row.Id < cursor)
            .OrderByDescending(row => row.Id).Take(limit + 1).ToListAsync(ct);
        var items = new List<CampaignView>();
        foreach (var row in rows.Take(limit))
        {
            items.Add(await CampaignView.OfAsync(db, row, time.NowStored(), ct));
        }

        return TypedResults.Ok(new Page<CampaignView>(items, rows.Count > limit ? $"{items[^1].Id}" : null));
    }

    private static async Task<IResult> ReadAsync(Guid id, ControlPlaneDb db, TimeProvider time, CancellationToken ct) =>
        await db.Campaigns.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, ct) is { } campaign
            ? TypedResults.Ok(await CampaignView.OfAsync(db, campaign, time.NowStored(), ct))
            : CampaignProblems.Absent;

    private static async Task<IResult> DomainsAsync(
        Guid id, ControlPlaneDb db, TimeProvider time, CancellationToken ct,
        [Description("How far they are; or those that miss the deadline.")] string? state = null,
        int? cursor = null, int limit = Page<CampaignDomainView>.DefaultLimit)
    {
        if (Page<CampaignDomainView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        if (state is not null && state != Late && !States.ContainsKey(state))
        {
            var detail = $"state must be one of {string.Join(", ", States.Keys)}, {Late}.";
            return Problems.InvalidField.With(detail) with
            {
                Errors = [new FieldProblem("state", Problems.InvalidField.Code, detail)],
            };
        }

        if (await db.Campaigns.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, ct) is not { } campaign)
        {
            return CampaignProblems.Absent;
        }

        var rows = db.CampaignDomains.AsNoTracking().Where(row => row.CampaignId == id && row.Rank > (cursor ?? 0));
        rows = state is null ? rows
            : state == Late ? rows.Where(CampaignView.IsLate(campaign.Deadline, time.NowStored()))
            : rows.Where(row => row.State == States[state]);
        var found = await Views(db, rows).Take(limit + 1).ToListAsync(ct);
        var items = found.Take(limit).ToList();
        return TypedResults.Ok(new Page<CampaignDomainView>(
            items, found.Count > limit ? $"{items[^1].Rank}" : null));
    }

    private static async Task<IResult> EventsAsync(
        Guid id, ControlPlaneDb db, CancellationToken ct, long after = 0, int limit = Page<EventView>.MaxLimit) =>
        await db.Campaigns.AnyAsync(row => row.Id == id, ct)
            ? await ReadEvents.PageAsync(db.Events.Where(row => row.CampaignId == id), after, limit, ct)
            : CampaignProblems.Absent;

    /// <summary>By rank. While an order is on the path, its own reason says what is waited for.</summary>
    public static IQueryable<CampaignDomainView> Views(ControlPlaneDb db, IQueryable<CampaignDomain> rows) =>
        from row in rows
        join bundle in db.Bundles on row.BundleId equals bundle.Id
        join domain in db.Domains on row.DomainId equals domain.Id
        join found in db.Orders on row.OrderId equals found.Id into orders
        from order in orders.DefaultIfEmpty()
        orderby row.Rank
        select new CampaignDomainView
        {
            Rank = row.Rank,
            Domain = domain.Id,
            Hostname = domain.Hostname,
            Serial = bundle.Serial,
            NotAfter = bundle.NotAfter,
            State = row.State,
            Obstacle = row.Obstacle,
            Order = row.OrderId,
            Reason = row.State == CampaignDomainState.Ordered ? order.Reason : row.Reason,
            Detail = row.State == CampaignDomainState.Ordered ? order.ReasonDetail : row.Detail,
            Attempts = row.Attempts,
            NextAttemptAt = row.NextAttemptAt,
            ExpectedAt = row.ExpectedAt,
            SettledAt = row.SettledAt,
        };
}
