using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Reading;

/// <summary>GET /v1/events and /v1/domains/{id}/events: what happened, oldest first.</summary>
internal static class ReadEvents
{
    public static void Map(RouteGroupBuilder domains) => domains.MapGet("{id:guid}/events", OfDomainAsync)
        .RequireAuthorization(AccessPolicy.Portal)
        .WithName("ReadDomainEvents").WithSummary("Read a domain's events")
        .Documented(
            "Oldest first, each with an id that only grows. `after` leaves out what was read before; `limit` 1 to 200. "
            + "`nextCursor` is never null, as in the feed of all events: the end is a page without items.",
            Problems.NotFound, Problems.InvalidField)
        .Example(null, new Page<EventView>([Examples.Event], "42")).Produces<Page<EventView>>();

    public static void MapFeed(WebApplication app) => app.MapGet("/v1/events", FeedAsync).WithTags("Domains")
        .RequireAuthorization(AccessPolicy.Portal)
        .WithName("ReadEvents").WithSummary("Follow all events")
        .Documented(
            "The feed to poll instead of the domains: pass the last `nextCursor` as `after`. An event is held back "
            + "until all transactions older than its own have ended. Of two that overtake each other one may still "
            + "come late, below a cursor that went past it: where each step counts, read the domain. `nextCursor` is "
            + "never null, because a feed has no end: for now it ends where `items` is empty. A portal gets its own "
            + "tenant's events.",
            Problems.InvalidField)
        .Example(null, new Page<EventView>([Examples.Event], "42")).Produces<Page<EventView>>();

    private static async Task<IResult> OfDomainAsync(
        Guid id, Caller caller, ControlPlaneDb db, CancellationToken ct, long after = 0,
        int limit = Page<EventView>.MaxLimit)
    {
        if (!await db.Domains.VisibleTo(caller).AnyAsync(row => row.Id == id, ct))
        {
            return Problems.NotFound.With("There is no such domain.");
        }

        return await PageAsync(db.Events.Where(row => row.DomainId == id), after, limit, ct);
    }

    private static Task<IResult> FeedAsync(
        Caller caller, ControlPlaneDb db, CancellationToken ct, long after = 0, int limit = Page<EventView>.MaxLimit)
    {
        // Ids are given when a row is written, not when it is committed: a slow transaction shows a smaller id late. A
        // reader that went past it would never see it, so that events wait for every transaction older than their own.
        // A younger transaction that took a smaller id is not seen by this, as the document says.
        // After an hour they are shown regardless: age() counts in 32 bits and means nothing for old rows.
        var settled = db.Events.FromSql(
            $"""
            SELECT * FROM events WHERE at < now() - interval '1 hour'
                OR age(xmin) > age(pg_snapshot_xmin(pg_current_snapshot())::xid)
            """);
        return PageAsync(
            caller.Role == ApiRole.Portal ? settled.Where(row => row.TenantId == caller.TenantId) : settled, after,
            limit, ct);
    }

    /// <summary>A page of these events, oldest first.</summary>
    public static async Task<IResult> PageAsync(
        IQueryable<DomainEvent> events, long after, int limit, CancellationToken ct)
    {
        if (Page<EventView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        var items = await events.AsNoTracking().Where(row => row.Id > after).OrderBy(row => row.Id).Take(limit)
            .Select(row => new EventView(
                row.Id, row.At, row.Type, row.Message, row.DomainId, row.OrderId, row.NodeId)).ToListAsync(ct);
        // Never null: a feed has no end, and this is where to go on.
        return TypedResults.Ok(new Page<EventView>(items, $"{(items.Count > 0 ? items[^1].Id : after)}"));
    }
}

/// <summary>Something that happened.</summary>
/// <param name="Id">Grows with each event; pass it as <c>after</c>.</param>
/// <param name="At">When.</param>
/// <param name="Type">A stable word for programs, such as <c>domain.active</c>.</param>
/// <param name="Message">A sentence for people.</param>
/// <param name="Domain">The domain it happened to.</param>
/// <param name="Order">The order it happened to.</param>
/// <param name="Node">The node it happened to, for what happened to a node itself.</param>
internal sealed record EventView(
    long Id, DateTimeOffset At, string Type, string Message, Guid? Domain, Guid? Order, Guid? Node);
