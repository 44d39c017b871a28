using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Campaigns;

/// <summary>Rows of a campaign that are equally far. A campaign may have a hundred thousand: all that is told of them
/// is counted in one walk.</summary>
/// <param name="State">How far.</param>
/// <param name="Reason">Why their last orders failed; null for those that did not.</param>
/// <param name="Rows">How many.</param>
/// <param name="Late">How many of these miss the deadline.</param>
/// <param name="Last">When the last of them is expected, or due again.</param>
internal sealed record CampaignCount(
    CampaignDomainState State, string? Reason, int Rows, int Late, DateTimeOffset? Last)
{
    /// <param name="rows">A campaign's.</param>
    /// <param name="isLate">Which of them miss the deadline.</param>
    /// <param name="ct">Ends it.</param>
    public static Task<List<CampaignCount>> ReadAsync(
        IQueryable<CampaignDomain> rows, Expression<Func<CampaignDomain, bool>> isLate, CancellationToken ct) =>
        rows.GroupBy(row => new
        {
            row.State,
            Why = row.State == CampaignDomainState.Failed || row.State == CampaignDomainState.GivenUp
                ? row.Reason : null,
        })
        .Select(group => new CampaignCount(
            group.Key.State, group.Key.Why, group.Count(), group.AsQueryable().Count(isLate),
            group.Max(row => row.NextAttemptAt > row.ExpectedAt ? row.NextAttemptAt : row.ExpectedAt)))
        .ToListAsync(ct);
}
