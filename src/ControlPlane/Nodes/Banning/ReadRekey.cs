using System.ComponentModel;
using ControlPlane.Database;
using ControlPlane.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes.Banning;

/// <summary>GET /v1/nodes/{node}/rekey: how far the replacement of a banned node's keys is.</summary>
internal static class ReadRekey
{
    public static async Task<Results<Ok<RekeyView>, Problem>> HandleAsync(
        string node,
        ControlPlaneDb db,
        CancellationToken ct,
        [Description("nextCursor of the page before.")] int cursor = 0,
        [Description("1–200 bundles a page.")] int limit = Page<ReplacementView>.DefaultLimit)
    {
        if (Page<ReplacementView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        var (id, unfound) = await NodeReference.FindAsync(db, node, ct);
        if (unfound is not null)
        {
            return unfound;
        }

        var bannedAt = await db.Nodes.Where(row => row.Id == id).Select(row => row.BannedAt).SingleAsync(ct);
        var ban = await db.NodeBans.AsNoTracking().SingleOrDefaultAsync(row => row.NodeId == id, ct);
        var counts = await db.Replacements.Where(row => row.NodeId == id).GroupBy(row => row.State)
            .Select(group => new { group.Key, Count = group.Count() })
            .ToDictionaryAsync(group => group.Key, group => group.Count, ct);
        var rows = await Items(db, id, cursor).Take(limit + 1).ToListAsync(ct);
        var items = rows.Take(limit).ToList();
        return TypedResults.Ok(new RekeyView
        {
            Node = id,
            BannedAt = bannedAt,
            BanReason = ban?.Reason,
            AskedAt = ban?.RekeyAskedAt,
            FinishedAt = ban?.RekeyFinishedAt,
            Total = counts.Values.Sum(),
            Waiting = counts.GetValueOrDefault(ReplacementState.Waiting),
            Ordered = counts.GetValueOrDefault(ReplacementState.Ordered),
            Replaced = counts.GetValueOrDefault(ReplacementState.Replaced),
            Failed = counts.GetValueOrDefault(ReplacementState.Failed),
            NotNeeded = counts.GetValueOrDefault(ReplacementState.NotNeeded),
            Items = items,
            NextCursor = rows.Count > limit ? $"{items[^1].Rank}" : null,
        });
    }

    /// <summary>While an order is on the path, its own reason says what is waited for.</summary>
    private static IQueryable<ReplacementView> Items(ControlPlaneDb db, Guid node, int after) =>
        from row in db.Replacements
        join bundle in db.Bundles on row.BundleId equals bundle.Id
        join domain in db.Domains on bundle.DomainId equals domain.Id
        join found in db.Orders on row.OrderId equals found.Id into orders
        from order in orders.DefaultIfEmpty()
        where row.NodeId == node && row.Rank > after
        orderby row.Rank
        select new ReplacementView
        {
            Rank = row.Rank,
            Domain = domain.Id,
            Hostname = domain.Hostname,
            Bundle = bundle.Id,
            Fingerprint = bundle.Fingerprint,
            State = row.State,
            Order = row.OrderId,
            Reason = row.State == ReplacementState.Ordered ? order.Reason : row.Reason,
            Detail = row.State == ReplacementState.Ordered ? order.ReasonDetail : row.Detail,
            Attempts = row.Attempts,
            NextAttemptAt = row.NextAttemptAt,
            SettledAt = row.SettledAt,
        };
}

/// <summary>Progress of a rekey, and a page of what it is made of.</summary>
internal sealed record RekeyView
{
    public required Guid Node { get; init; }

    /// <summary>When its keys were banned; null when they are not.</summary>
    public required DateTimeOffset? BannedAt { get; init; }

    /// <summary>What the admin gave as the reason.</summary>
    public required string? BanReason { get; init; }

    /// <summary>When the replacement of its keys was first asked for; null when it was not.</summary>
    public required DateTimeOffset? AskedAt { get; init; }

    /// <summary>When nothing was left to do; null before.</summary>
    public required DateTimeOffset? FinishedAt { get; init; }

    /// <summary>Bundles to replace; the sum of the five numbers that follow.</summary>
    public required int Total { get; init; }

    public required int Waiting { get; init; }

    public required int Ordered { get; init; }

    public required int Replaced { get; init; }

    public required int Failed { get; init; }

    public required int NotNeeded { get; init; }

    /// <summary>Most exposed first.</summary>
    public required IReadOnlyList<ReplacementView> Items { get; init; }

    /// <summary>Pass it as <c>cursor</c> to go on; null when this was the last page.</summary>
    public required string? NextCursor { get; init; }
}

/// <summary>A bundle to replace.</summary>
internal sealed record ReplacementView
{
    /// <summary>1 is the most exposed.</summary>
    public required int Rank { get; init; }

    public required Guid Domain { get; init; }

    public required string Hostname { get; init; }

    /// <summary>The bundle the node could read.</summary>
    public required Guid Bundle { get; init; }

    /// <summary>Its leaf's SHA-256, lower-case hexadecimal.</summary>
    public required string Fingerprint { get; init; }

    public required ReplacementState State { get; init; }

    /// <summary>The order that replaces it.</summary>
    public required Guid? Order { get; init; }

    /// <summary>What the order waits for, why it failed, or why none is needed: the same words as a domain's
    /// reason.</summary>
    public required string? Reason { get; init; }

    /// <summary>The particulars.</summary>
    public required string? Detail { get; init; }

    /// <summary>Orders that failed so far.</summary>
    public required int Attempts { get; init; }

    /// <summary>When the next order is opened after one that failed.</summary>
    public required DateTimeOffset? NextAttemptAt { get; init; }

    /// <summary>When it was replaced, or found not to need it.</summary>
    public required DateTimeOffset? SettledAt { get; init; }
}
