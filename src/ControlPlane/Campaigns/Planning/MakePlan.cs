using ControlPlane.Database;
using ControlPlane.Http;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Campaigns.Planning;

/// <summary>Records a campaign with its rows and what is foretold of it; nothing else is done.</summary>
internal sealed class MakePlan(CampaignForecast forecast)
{
    /// <summary>Within the caller's transaction.</summary>
    /// <param name="db">With a transaction open.</param>
    /// <param name="body">Validated.</param>
    /// <param name="now">When.</param>
    /// <param name="ct">Ends it.</param>
    /// <returns>The campaign, or why its filter names nothing.</returns>
    public async Task<(Campaign? Campaign, Problem? Refusal)> RunAsync(
        ControlPlaneDb db, CampaignRequest body, DateTimeOffset now, CancellationToken ct)
    {
        var filter = body.Filter!;
        var (found, refusal) = await ResolveFilter.RunAsync(db, filter, ct);
        if (found is null)
        {
            return (null, refusal);
        }

        var campaign = new Campaign
        {
            Id = Guid.CreateVersion7(now),
            Reason = body.Reason!.Trim(),
            Filter = CampaignJson.Write(new CampaignFilterView(
                filter.Serials?.Count, filter.Issuer, filter.KeyAlgorithm, found.Node, filter.ExpiresBefore,
                filter.ExpiresAfter, found.Tenant, filter.Hostnames?.Count)),
            Priority = body.Priority,
            Deadline = body.Deadline!.Value.ToUniversalTime(),
            RevokeAfter = body.RevokeAfter,
            IsRehearsal = body.Rehearse,
            // Its rows refer to it, and what it says is read off them.
            Plan = "{}",
            CreatedAt = now,
        };
        db.Add(campaign);
        await db.SaveChangesAsync(ct);
        var connection = (NpgsqlConnection)db.Database.GetDbConnection();
        var missing = await CampaignRows.InsertAsync(connection, campaign.Id, filter, found, body.TrafficClass, ct);
        var plan = await forecast.WriteAsync(connection, campaign.Id, campaign.Deadline, missing, now, ct);
        await db.Campaigns.Where(row => row.Id == campaign.Id)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.Plan, CampaignJson.Write(plan)), ct);
        await db.Entry(campaign).ReloadAsync(ct);
        return (campaign, null);
    }
}
