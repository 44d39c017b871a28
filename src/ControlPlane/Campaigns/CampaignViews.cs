using System.Linq.Expressions;
using ControlPlane.Campaigns.Planning;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;
using static ControlPlane.Campaigns.CampaignDomainState;

namespace ControlPlane.Campaigns;

/// <summary>A campaign as the API shows it.</summary>
internal sealed record CampaignView
{
    public required Guid Id { get; init; }

    public required CampaignState State { get; init; }

    /// <summary>Why, for people.</summary>
    public required string Reason { get; init; }

    /// <summary>What was asked for; lists by their length.</summary>
    public required CampaignFilterView Filter { get; init; }

    public required CampaignPriority Priority { get; init; }

    /// <summary>By when every successor must be proven.</summary>
    public required DateTimeOffset Deadline { get; init; }

    /// <summary>How the old certificates are to be revoked afterwards; null: not at all.</summary>
    public required RevocationReason? RevokeAfter { get; init; }

    /// <summary>True: a start plays it on paper.</summary>
    public required bool Rehearse { get; init; }

    /// <summary>What was foretold when it was started; before that, when it was planned.</summary>
    public required CampaignPlan Plan { get; init; }

    public required CampaignProgress Progress { get; init; }

    /// <summary>When the last will be proven: what was foretold at the last start, moved by how far the last twenty
    /// came before or after their time. Null when nothing is left, and while it is paused.</summary>
    public required DateTimeOffset? Eta { get; init; }

    /// <summary>How many are not proven by the deadline, or not expected to be.</summary>
    public required int Late { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset? StartedAt { get; init; }

    public required DateTimeOffset? PausedAt { get; init; }

    /// <summary>When it was completed or aborted.</summary>
    public required DateTimeOffset? FinishedAt { get; init; }

    /// <summary>Which rows count as late.</summary>
    public static Expression<Func<CampaignDomain, bool>> IsLate(DateTimeOffset deadline, DateTimeOffset now) => row =>
        row.State == GivenUp
        || (row.State == Replaced && row.SettledAt > deadline)
        || ((row.State == Planned || row.State == Rehearsed) && row.ExpectedAt > deadline)
        || ((row.State == Waiting || row.State == Ordered || row.State == Failed)
            && (row.ExpectedAt > deadline || deadline <= now));

    public static async Task<CampaignView> OfAsync(
        ControlPlaneDb db, Campaign row, DateTimeOffset now, CancellationToken ct)
    {
        var rows = db.CampaignDomains.AsNoTracking().Where(domain => domain.CampaignId == row.Id);
        var counts = await CampaignCount.ReadAsync(rows, IsLate(row.Deadline, now), ct);
        return new CampaignView
        {
            Id = row.Id,
            State = row.State,
            Reason = row.Reason,
            Filter = CampaignJson.Read<CampaignFilterView>(row.Filter),
            Priority = row.Priority,
            Deadline = row.Deadline,
            RevokeAfter = row.RevokeAfter,
            Rehearse = row.IsRehearsal,
            Plan = CampaignJson.Read<CampaignPlan>(row.Plan),
            Progress = await CampaignProgress.OfAsync(db, rows, counts, ct),
            Eta = row.State == CampaignState.Running ? await EtaAsync(rows, counts, now, ct) : null,
            Late = counts.Sum(count => count.Late),
            CreatedAt = row.CreatedAt,
            StartedAt = row.StartedAt,
            PausedAt = row.PausedAt,
            FinishedAt = row.FinishedAt,
        };
    }

    private static async Task<DateTimeOffset?> EtaAsync(
        IQueryable<CampaignDomain> rows, IReadOnlyList<CampaignCount> counts, DateTimeOffset now, CancellationToken ct)
    {
        var last = counts.Where(count => count.State is Waiting or Ordered or Failed).Max(count => count.Last);
        var latest = await rows.Where(row => row.State == Replaced && row.ExpectedAt != null)
            .OrderByDescending(row => row.SettledAt).Take(20)
            .Select(row => new { row.SettledAt, row.ExpectedAt }).ToListAsync(ct);
        var behind = latest.Count == 0
            ? TimeSpan.Zero
            : TimeSpan.FromSeconds(latest.Average(row => (row.SettledAt!.Value - row.ExpectedAt!.Value).TotalSeconds));
        return last is not { } foretold ? null : foretold + behind > now ? foretold + behind : now;
    }
}

/// <summary>How many of a campaign's domains are how far.</summary>
/// <param name="Total">All, the left out ones too.</param>
/// <param name="Waiting">Their turn is to come.</param>
/// <param name="Ordered">Their successors are on the path.</param>
/// <param name="Issued">Of these, the certificate is there and goes to the nodes.</param>
/// <param name="Replaced">Their successors are proven on every serving node.</param>
/// <param name="Failed">Their orders failed and are placed again later.</param>
/// <param name="GivenUp">Their orders failed until the deadline, or until the campaign was aborted.</param>
/// <param name="Skipped">They cannot be replaced.</param>
/// <param name="Dropped">The campaign was aborted before their turn.</param>
/// <param name="Rehearsed">They would have been replaced.</param>
/// <param name="Failures">The failed and the given up, by their reason.</param>
internal sealed record CampaignProgress(
    int Total, int Waiting, int Ordered, int Issued, int Replaced, int Failed, int GivenUp, int Skipped, int Dropped,
    int Rehearsed, IReadOnlyList<CampaignFailure> Failures)
{
    public static async Task<CampaignProgress> OfAsync(
        ControlPlaneDb db, IQueryable<CampaignDomain> rows, IReadOnlyList<CampaignCount> counts, CancellationToken ct)
    {
        var failures = counts.Where(count => count.State is CampaignDomainState.Failed or CampaignDomainState.GivenUp)
            .GroupBy(count => count.Reason!, count => count.Rows, StringComparer.Ordinal)
            .Select(group => new CampaignFailure(group.Key, group.Sum()))
            .OrderByDescending(failure => failure.Count).ToList();
        var issued = Of(CampaignDomainState.Ordered) == 0 ? 0 : await rows
            .Where(row => row.State == CampaignDomainState.Ordered)
            .CountAsync(row => db.Orders.Any(order => order.Id == row.OrderId && order.BundleId != null), ct);
        return new CampaignProgress(
            counts.Sum(count => count.Rows), Of(CampaignDomainState.Planned) + Of(CampaignDomainState.Waiting),
            Of(CampaignDomainState.Ordered), issued, Of(CampaignDomainState.Replaced), Of(CampaignDomainState.Failed),
            Of(CampaignDomainState.GivenUp), Of(CampaignDomainState.Skipped), Of(CampaignDomainState.Dropped),
            Of(CampaignDomainState.Rehearsed),
            failures);

        int Of(CampaignDomainState state) => counts.Where(count => count.State == state).Sum(count => count.Rows);
    }
}

/// <summary>Replacements that failed alike.</summary>
/// <param name="Reason">A code, as a domain's reason.</param>
/// <param name="Count">How many.</param>
internal sealed record CampaignFailure(string Reason, int Count);

/// <summary>A domain of a campaign.</summary>
internal sealed record CampaignDomainView
{
    /// <summary>1 is the most urgent.</summary>
    public required int Rank { get; init; }

    public required Guid Domain { get; init; }

    public required string Hostname { get; init; }

    /// <summary>Of the certificate to be replaced.</summary>
    public required string Serial { get; init; }

    /// <summary>When that one ends.</summary>
    public required DateTimeOffset NotAfter { get; init; }

    public required CampaignDomainState State { get; init; }

    /// <summary>Why it is skipped; null when it is not.</summary>
    public required CampaignObstacle? Obstacle { get; init; }

    /// <summary>Its successor's.</summary>
    public required Guid? Order { get; init; }

    /// <summary>What the order waits for, or why the last one failed: the same words as a domain's reason.</summary>
    public required string? Reason { get; init; }

    /// <summary>The particulars.</summary>
    public required string? Detail { get; init; }

    /// <summary>Orders that failed.</summary>
    public required int Attempts { get; init; }

    /// <summary>When the next order is opened after one that failed.</summary>
    public required DateTimeOffset? NextAttemptAt { get; init; }

    /// <summary>When its successor was expected to be proven, at the last start.</summary>
    public required DateTimeOffset? ExpectedAt { get; init; }

    /// <summary>When it came to its end; of a replaced one, when its successor was proven.</summary>
    public required DateTimeOffset? SettledAt { get; init; }
}
