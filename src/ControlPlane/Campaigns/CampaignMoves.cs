using ControlPlane.Campaigns.Planning;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http;
using Npgsql;

namespace ControlPlane.Campaigns;

/// <summary>
/// The commands to a campaign, and the only way from one state to another, save that <see cref="Working"/> completes
/// it. Each within the caller's transaction, under the row's lock. A command whose state is there already changes
/// nothing, so that it can be repeated.
/// </summary>
internal sealed class CampaignMoves(CampaignForecast forecast)
{
    /// <summary>Begins: judges and foretells anew, then lets the first turn come. A rehearsal is over at
    /// once.</summary>
    public async Task<Problem?> StartAsync(
        NpgsqlConnection connection, Guid id, DateTimeOffset now, CancellationToken ct)
    {
        // All that are open, so that of two that start together one sees what the other has taken.
        await ExecuteAsync(
            connection,
            "SELECT 1 FROM campaigns WHERE state IN ('Planned', 'Running', 'Paused') ORDER BY id FOR UPDATE", ct);
        var row = await LockAsync(connection, id, ct);
        if (row is not { State: CampaignState.Planned })
        {
            return Outcome(row, CampaignState.Running, "only what is planned is started; make a new plan");
        }

        if (row.Deadline <= now)
        {
            return CampaignProblems.Stands.With("Its deadline has passed.", "Make a new plan with another deadline.");
        }

        await CampaignRows.JudgeAgainAsync(connection, id, ct);
        var missing = row.Plan.Cannot.Where(group => group.Why is WhyLeftOut.NotInUse or WhyLeftOut.UnknownSerial
            or WhyLeftOut.NotServed).ToList();
        var plan = await forecast.WriteAsync(connection, id, row.Deadline, missing, now, ct);
        await ExecuteAsync(
            connection,
            """
            UPDATE campaign_domains
            SET state = CASE WHEN $2 THEN 'Rehearsed' ELSE 'Waiting' END, settled_at = CASE WHEN $2 THEN $3 END
            WHERE campaign_id = $1 AND state = 'Planned'
            """,
            ct, id, row.IsRehearsal, now);
        await ExecuteAsync(
            connection,
            """
            UPDATE campaigns SET state = $2, plan = $3::jsonb, started_at = $4, finished_at = CASE WHEN $5 THEN $4 END
            WHERE id = $1
            """,
            ct, id, (row.IsRehearsal ? CampaignState.Completed : CampaignState.Running).ToString(),
            CampaignJson.Write(plan), now, row.IsRehearsal);
        await CampaignEvents.TellAsync(
            connection, id, row.IsRehearsal ? EventTypes.CampaignRehearsed : EventTypes.CampaignStarted,
            row.IsRehearsal
                ? $"Rehearsed, and nothing ordered: {Told(plan)}"
                : $"Started: {Told(plan)}",
            now, ct);
        return null;
    }

    /// <summary>No further successor is opened; those under way go on.</summary>
    public async Task<Problem?> PauseAsync(
        NpgsqlConnection connection, Guid id, DateTimeOffset now, CancellationToken ct)
    {
        var row = await LockAsync(connection, id, ct);
        if (row is not { State: CampaignState.Running })
        {
            return Outcome(row, CampaignState.Paused, "only a running one is paused");
        }

        await ExecuteAsync(
            connection, "UPDATE campaigns SET state = 'Paused', paused_at = $2 WHERE id = $1", ct, id, now);
        await CampaignEvents.TellAsync(
            connection, id, EventTypes.CampaignPaused, "Paused: what is ordered goes on, nothing else is.", now, ct);
        return null;
    }

    /// <summary>Goes on after a pause, and foretells the rest anew.</summary>
    public async Task<Problem?> ResumeAsync(
        NpgsqlConnection connection, Guid id, DateTimeOffset now, CancellationToken ct)
    {
        var row = await LockAsync(connection, id, ct);
        if (row is not { State: CampaignState.Paused })
        {
            return Outcome(row, CampaignState.Running, "only a paused one is resumed");
        }

        var rest = await forecast.WriteAsync(connection, id, row.Deadline, [], now, ct);
        await ExecuteAsync(
            connection, "UPDATE campaigns SET state = 'Running', paused_at = NULL WHERE id = $1", ct, id);
        await CampaignEvents.TellAsync(
            connection, id, EventTypes.CampaignResumed, $"Resumed: {Told(rest)}", now, ct);
        return null;
    }

    /// <summary>Ends it for good. What was ordered is never taken back.</summary>
    public async Task<Problem?> AbortAsync(
        NpgsqlConnection connection, Guid id, DateTimeOffset now, CancellationToken ct)
    {
        var row = await LockAsync(connection, id, ct);
        if (row is not { State: CampaignState.Planned or CampaignState.Running or CampaignState.Paused })
        {
            return Outcome(row, CampaignState.Aborted, "it has come to its end");
        }

        var dropped = await ExecuteAsync(
            connection,
            """
            UPDATE campaign_domains
            SET state = CASE WHEN state = 'Failed' THEN 'GivenUp' ELSE 'Dropped' END, next_attempt_at = NULL,
                settled_at = $2
            WHERE campaign_id = $1 AND state IN ('Planned', 'Waiting', 'Failed')
            """,
            ct, id, now);
        await ExecuteAsync(
            connection,
            "UPDATE campaigns SET state = 'Aborted', paused_at = NULL, finished_at = $2 WHERE id = $1", ct, id, now);
        await CampaignEvents.TellAsync(
            connection, id, EventTypes.CampaignAborted,
            $"Aborted: {dropped} domains keep their certificates, what is ordered goes on.", now, ct);
        return null;
    }

    private static string Told(CampaignPlan plan) =>
        $"{plan.ToReplace} certificates with {plan.CaCalls} calls at the CA, the last expected at "
        + $"{plan.Eta.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC, {plan.Late} after the deadline.";

    private static Problem? Outcome(LockedCampaign? row, CampaignState there, string why) =>
        row is null ? CampaignProblems.Absent
        : row.State == there || (row.IsRehearsal && there == CampaignState.Running
            && row.State == CampaignState.Completed) ? null
        : CampaignProblems.Stands.With($"It is {row.State.ToString().ToLowerInvariant()}: {why}.");

    private static async Task<LockedCampaign?> LockAsync(NpgsqlConnection connection, Guid id, CancellationToken ct)
    {
        await using var command = connection.Command(
            "SELECT state, is_rehearsal, deadline, plan FROM campaigns WHERE id = $1 FOR UPDATE", id);
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct)
            ? new LockedCampaign(
                Enum.Parse<CampaignState>(reader.GetString(0)), reader.GetBoolean(1),
                reader.GetFieldValue<DateTimeOffset>(2), CampaignJson.Read<CampaignPlan>(reader.GetString(3)))
            : null;
    }

    private static async Task<int> ExecuteAsync(
        NpgsqlConnection connection, string sql, CancellationToken ct, params object[] values)
    {
        await using var command = connection.Command(sql, values);
        return await command.ExecuteNonQueryAsync(ct);
    }

    private sealed record LockedCampaign(
        CampaignState State, bool IsRehearsal, DateTimeOffset Deadline, CampaignPlan Plan);
}
