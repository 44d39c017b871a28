using ControlPlane.Contracts;
using ControlPlane.Domains;
using ControlPlane.Http;
using ControlPlane.Jobs;
using ControlPlane.Nodes.Access;
using ControlPlane.Nodes.Epochs;
using ControlPlane.Nodes.Fleets;
using ControlPlane.Nodes.Publishing;
using ControlPlane.Nodes.Releases;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace ControlPlane.Nodes.Observing;

/// <summary>
/// PUT /v1/observed-state: what a node was found to hold, in one transaction: the node's row first, which keeps proofs
/// and other reports of the node out, then observations, refusals, standing and the orders that waited for them.
/// </summary>
internal static class RecordObservedState
{
    public static async Task<Results<Ok<ObservedStateReceipt>, Problem>> HandleAsync(
        ObservedStateReport report,
        HttpContext http,
        NpgsqlDataSource database,
        NodeAhead ahead,
        IWakes wakes,
        IDesiredStatePublisher publisher,
        RolloutSteps rollout,
        TimeProvider time,
        CancellationToken ct)
    {
        List<FieldProblem> faults = [.. ObservedStateRows.Faults(report), .. ReportedAlarms.Faults(report)];
        if (faults.Count > 0)
        {
            return Problems.InvalidField.With() with { Errors = faults };
        }

        var caller = NodeAuthentication.Caller(http);
        if (await ahead.LookAsync(caller, report.Epoch, report.Revision, ct) == ShownPosition.Unbelievable)
        {
            return Problems.InvalidField.With() with
            {
                Errors = [new FieldProblem("epoch", "invalid", "epoch is one that this fleet cannot have reached.")],
            };
        }

        var now = time.GetUtcNow();
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        if (await AcceptAsync(connection, caller.Id, report, now, ct) is not { } standing)
        {
            return await AnswerOldAsync(connection, caller.Id, ct) is { } receipt
                ? TypedResults.Ok(receipt)
                : NodeProblems.NodeTokenRefused.With("The node was banned or retired.");
        }

        await ReportedAlarms.WriteAsync(connection, caller, report, now, ct);
        // What was found in another life of the fleet's history proves nothing in this one; it will be told again.
        var isOfThisEpoch = await IsOfThisEpochAsync(connection, caller.Fleet, report.Epoch, ct);
        var rows = isOfThisEpoch ? report.Rows : [];
        var toldAgain = 0;
        if (isOfThisEpoch && report.Strays is { } strays)
        {
            await ReportedAlarms.WriteStraysAsync(connection, caller, strays, report.Epoch, ct);
            toldAgain = await PastWithdrawals.TellAgainAsync(connection, caller.Fleet, strays, ct);
        }

        await ObservedStateRows.WriteAsync(connection, caller, rows, now, ct);
        await LearnedReleases.WriteAsync(connection, caller, rows, now, ct);
        var answered = rows.Select(row => row.Domain).ToArray();
        var due = answered.Length > 0 ? await DueOrders.OfDomainsAsync(connection, answered, now, ct) : [];
        if (standing is NodeStanding.Joining or NodeStanding.Lost
            && await NodeSync.IsCompleteAsync(connection, caller, report, ct))
        {
            await using var serve = new NpgsqlCommand("UPDATE nodes SET standing = 'Serving' WHERE id = $1", connection)
            {
                Parameters = { new() { Value = caller.Id } },
            };
            await serve.ExecuteNonQueryAsync(ct);
            await NodeEvents.TellAsync(
                connection, caller.Id, EventTypes.NodeServing,
                $"Node {caller.Name} has proven every active domain: every activation needs its proof now.", now, ct);
            if (standing == NodeStanding.Lost)
            {
                await FleetStanding.TellWholeAsync(connection, caller.Fleet, now, ct);
            }

            standing = NodeStanding.Serving;
            due.UnionWith(await DueOrders.OfFleetAsync(connection, caller.Fleet, now, ct));
        }

        await transaction.CommitAsync(ct);
        if (toldAgain > 0)
        {
            publisher.Wake();
        }

        if (answered.Length > 0)
        {
            rollout.Wake();
        }

        foreach (var state in due)
        {
            wakes.Wake(state);
        }

        return TypedResults.Ok(new ObservedStateReceipt(report.ReportNumber, standing.ToString()));
    }

    private static async Task<bool> IsOfThisEpochAsync(
        NpgsqlConnection connection, Guid fleet, long epoch, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("SELECT epoch = $2 FROM fleets WHERE id = $1", connection)
        {
            Parameters = { new() { Value = fleet }, new() { Value = epoch } },
        };
        return await command.ExecuteScalarAsync(ct) is true;
    }

    /// <summary>Takes the report if it is the newest: returns the standing it found, null for an old one.</summary>
    private static async Task<NodeStanding?> AcceptAsync(
        NpgsqlConnection connection, Guid node, ObservedStateReport report, DateTimeOffset now, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            UPDATE nodes
            SET report_number = $2, last_seen_at = $3, epoch = $4, revision = $5, agent_version = $6,
                haproxy_version = $7, haproxy_pid = $8, haproxy_started_at = $9, fresh_at = $10
            WHERE id = $1 AND report_number < $2 AND banned_at IS NULL AND standing <> 'Retired'
            RETURNING standing
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = node },
                new() { Value = report.ReportNumber },
                new() { Value = now },
                new() { Value = report.Epoch },
                new() { Value = report.Revision },
                new() { Value = report.AgentVersion },
                new NpgsqlParameter<string?> { TypedValue = report.HAProxy?.Version },
                new NpgsqlParameter<int?> { TypedValue = report.HAProxy?.Pid },
                new NpgsqlParameter<DateTimeOffset?> { TypedValue = report.HAProxy?.StartedAt.ToUniversalTime() },
                new NpgsqlParameter<DateTimeOffset?> { TypedValue = report.FreshAt?.ToUniversalTime() },
            },
        };
        return await command.ExecuteScalarAsync(ct) is string standing ? Enum.Parse<NodeStanding>(standing) : null;
    }

    private static async Task<ObservedStateReceipt?> AnswerOldAsync(
        NpgsqlConnection connection, Guid node, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT report_number, standing FROM nodes
            WHERE id = $1 AND banned_at IS NULL AND standing <> 'Retired'
            """,
            connection)
        {
            Parameters = { new() { Value = node } },
        };
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) ? new ObservedStateReceipt(reader.GetInt64(0), reader.GetString(1)) : null;
    }
}
