using ControlPlane.Contracts;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Domains.Visits;
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
        NodePace pace,
        TimeProvider time,
        CancellationToken ct)
    {
        List<FieldProblem> faults =
            [.. ObservedStateRows.Faults(report), .. ReportedAlarms.Faults(report), .. ToldVisits.Faults(report)];
        if (faults.Count > 0)
        {
            return Problems.InvalidField.With() with { Errors = faults };
        }

        var caller = NodeAuthentication.Caller(http);
        var now = time.GetUtcNow();
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        var accepted = await AcceptAsync(connection, caller, report, mayBeAhead: false, now, ct);
        if (accepted is null)
        {
            // Nothing is written or locked yet: what raises the epoch does so in a transaction of its own.
            switch (await ahead.LookAsync(caller, report.Epoch, report.Revision, ct))
            {
                case ShownPosition.Unbelievable:
                    return Problems.InvalidField.With() with
                    {
                        Errors =
                        [
                            new FieldProblem("epoch", "invalid", "epoch is one that this fleet cannot have reached."),
                        ],
                    };
                case ShownPosition.Ahead:
                    accepted = await AcceptAsync(connection, caller, report, mayBeAhead: true, now, ct);
                    break;
                default:
                    break;
            }
        }

        if (accepted is null)
        {
            return await AnswerOldAsync(connection, caller.Id, ct) is { } receipt
                ? TypedResults.Ok(receipt)
                : NodeProblems.NodeTokenRefused.With("The node was banned or retired.");
        }

        // What was found in another life of the fleet's history proves nothing in this one; it will be told again.
        var standing = accepted.Standing;
        var rows = accepted.IsOfThisEpoch ? report.Rows : [];
        var toldAgain = 0;
        if (accepted.IsOfThisEpoch && report.Strays is { } strays)
        {
            await ReportedAlarms.WriteStraysAsync(connection, caller, strays, report.Epoch, ct);
            toldAgain = await PastWithdrawals.TellAgainAsync(connection, caller.Fleet, strays, ct);
        }

        var due = await WriteAsync(connection, caller, report, rows, now, ct);
        if (standing is NodeStanding.Joining or NodeStanding.Lost
            && report.Synced && pace.MayBeLookedAt(caller.Id)
            && await NodeSync.IsCompleteAsync(connection, caller, report, ct))
        {
            // What became active without it may be missing.
            await using var serve = new NpgsqlCommand(
                "UPDATE nodes SET standing = 'Serving', shows_all = false WHERE id = $1", connection)
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

        if (rows.Any(row => row.State == ObservedDomainState.Refused) || (accepted.IsAwaited && rows.Count > 0))
        {
            rollout.Wake();
        }

        foreach (var state in due)
        {
            wakes.Wake(state);
        }

        return TypedResults.Ok(new ObservedStateReceipt(report.ReportNumber, standing.ToString()));
    }

    /// <summary>Takes the report if it is the newest, and shows no position above ours unless it may: null
    /// otherwise, and then nothing was written. Node first, fleet second: it is read when nobody can change what the
    /// node's report means. A node that cannot reach its HAProxy is not seen: it proves nothing, the NLB sends it
    /// nobody, and no proof may wait for it longer than for one that is silent.</summary>
    private static async Task<Accepted?> AcceptAsync(
        NpgsqlConnection connection, NodeIdentity node, ObservedStateReport report, bool mayBeAhead, DateTimeOffset now,
        CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                SqlCommands.BatchCommand(
                    """
                    UPDATE nodes
                    SET report_number = $2, epoch = $4, revision = $5, agent_version = $6,
                        last_seen_at = CASE WHEN $7 IS NULL THEN last_seen_at ELSE $3 END,
                        haproxy_version = $7, haproxy_pid = $8, haproxy_started_at = $9, fresh_at = $10
                    WHERE id = $1 AND report_number < $2 AND banned_at IS NULL AND standing <> 'Retired'
                      AND ($12 OR NOT EXISTS (SELECT 1 FROM fleets WHERE id = $11 AND (epoch, revision) < ($4, $5)))
                    RETURNING standing
                    """,
                    node.Id, report.ReportNumber, now, report.Epoch, report.Revision, report.AgentVersion,
                    new NpgsqlParameter<string?> { TypedValue = report.HAProxy?.Version },
                    new NpgsqlParameter<int?> { TypedValue = report.HAProxy?.Pid },
                    new NpgsqlParameter<DateTimeOffset?> { TypedValue = report.HAProxy?.StartedAt.ToUniversalTime() },
                    new NpgsqlParameter<DateTimeOffset?> { TypedValue = report.FreshAt?.ToUniversalTime() },
                    node.Fleet, mayBeAhead),
                SqlCommands.BatchCommand(
                    """
                    SELECT epoch = $2,
                           rollout = 'CanarySilent' OR rollout = 'Running' AND released_revision < revision
                    FROM fleets WHERE id = $1
                    """,
                    node.Fleet, report.Epoch),
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(ct);
        if (!await reader.ReadAsync(ct))
        {
            return null;
        }

        var standing = Enum.Parse<NodeStanding>(reader.GetString(0));
        await reader.NextResultAsync(ct);
        await reader.ReadAsync(ct);
        return new Accepted(standing, reader.GetBoolean(0), reader.GetBoolean(1));
    }

    /// <summary>What the report says, and which orders waited for it. Together: a node that loads bundles reports many
    /// times a second.</summary>
    private static async Task<HashSet<OrderState>> WriteAsync(
        NpgsqlConnection connection, NodeIdentity node, ObservedStateReport report, IReadOnlyList<ObservedDomain> rows,
        DateTimeOffset now, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands = { EventAllowance.Renew(node, now), ReportedAlarms.Write(node, report, now) },
        };
        if (rows.Count > 0)
        {
            batch.BatchCommands.Add(ObservedStateRows.Write(node, rows, now));
            batch.BatchCommands.Add(LearnedReleases.Write(node, rows, now));
            batch.BatchCommands.Add(DueOrders.OfNews(node.Id, [.. rows.Select(row => row.Domain)], now));
        }

        if (report.Visits.Count > 0)
        {
            batch.BatchCommands.Insert(0, ToldVisits.Write(node, report.Visits, now));
        }

        await using var reader = await batch.ExecuteReaderAsync(ct);
        return await DueOrders.ReadAsync(reader, ct);
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

    /// <param name="Standing">As it was found.</param>
    /// <param name="IsOfThisEpoch">False when it tells of another life of the fleet's history.</param>
    /// <param name="IsAwaited">The fleet's rollout may go on by what its nodes answer.</param>
    private sealed record Accepted(NodeStanding Standing, bool IsOfThisEpoch, bool IsAwaited);
}
