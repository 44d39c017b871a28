using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Drills;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Nodes.Banning;

/// <summary>
/// Works off what bans with <c>rekey</c> recorded: records what one of them still owes, reads off what is done, then
/// opens the next orders by rank, each in a transaction of its own. Everything it knows is in the rows, so that a
/// killed one goes on and none is repeated.
/// <para>A banned node may have read 30,000 keys. No more than <see cref="MostAhead"/> of these orders stand before the
/// CA's door at a time; with the renewals' share of the call budget that leaves room for customers who wait.</para>
/// </summary>
internal sealed partial class RekeySweep(
    IDbContextFactory<ControlPlaneDb> databases,
    NpgsqlDataSource database,
    IWakes wakes,
    TimeProvider time,
    ILogger<RekeySweep> log) : ISweep
{
    /// <summary>Half of a stage's slots (<see cref="JobOptions.Parallelism"/>): every 5 s so many are more than the
    /// renewals' share of the CA's calls lets through.</summary>
    public const int MostAhead = 12;

    /// <summary>Until a row that met a fault is looked at again: the others go on meanwhile.</summary>
    private static readonly TimeSpan AfterFault = TimeSpan.FromMinutes(1);

    public async Task RunAsync(CancellationToken ct)
    {
        foreach (var node in await RekeyRecord.OwedAsync(database, ct))
        {
            await RekeyRecord.TryAsync(database, node, time.GetUtcNow(), log, ct);
        }

        await using (var connection = await database.OpenConnectionAsync(ct))
        {
            await using var transaction = await connection.BeginTransactionAsync(ct);
            var isAsked = await RekeySettlement.RunAsync(connection, time.GetUtcNow(), ct);
            await transaction.CommitAsync(ct);
            if (!isAsked)
            {
                return;
            }
        }

        foreach (var (node, bundle) in await NextAsync(ct))
        {
            await OpenOneAsync(node, bundle, ct);
        }
    }

    private async Task OpenOneAsync(Guid node, Guid bundle, CancellationToken ct)
    {
        try
        {
            if (await OpenReplacement.RunAsync(databases, node, bundle, time.GetUtcNow(), ct) is { } hostname)
            {
                Failpoint.OfThisProcess.Pass("Rekey.commit.Opened", hostname);
                wakes.Wake(OrderState.PendingDns);
            }
        }
        catch (DbUpdateException fault)
        {
            // Most likely another order of the name came first: then the next look finds it.
            LogPostponed(fault, bundle, AfterFault);
            await using var command = database.CreateCommand(
                "UPDATE replacements SET next_attempt_at = $3 WHERE node_id = $1 AND bundle_id = $2");
            command.Parameters.Add(new() { Value = node });
            command.Parameters.Add(new() { Value = bundle });
            command.Parameters.Add(new() { Value = time.GetUtcNow() + AfterFault });
            await command.ExecuteNonQueryAsync(ct);
        }
    }

    /// <summary>The most exposed that have no order, as many as there is room for; those that failed before come
    /// last.</summary>
    private async Task<List<(Guid Node, Guid Bundle)>> NextAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            SELECT node_id, bundle_id FROM replacements
            WHERE settled_at IS NULL AND state IN ('Waiting', 'Failed')
              AND (next_attempt_at IS NULL OR next_attempt_at <= $1)
            ORDER BY state = 'Failed', rank, node_id
            LIMIT greatest(0, $2 - (
                SELECT count(DISTINCT orders.id) FROM replacements JOIN orders ON orders.id = replacements.order_id
                WHERE replacements.state = 'Ordered'
                  AND (orders.state = 'PendingOrder' OR (orders.state = 'PendingDns' AND orders.snoozes = 0))))
            """);
        command.Parameters.Add(new() { Value = time.GetUtcNow() });
        command.Parameters.Add(new() { Value = MostAhead });
        await using var reader = await command.ExecuteReaderAsync(ct);
        List<(Guid, Guid)> next = [];
        while (await reader.ReadAsync(ct))
        {
            next.Add((reader.GetGuid(0), reader.GetGuid(1)));
        }

        return next;
    }

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "No replacement could be opened for bundle {Bundle}; again in {Pause}")]
    private partial void LogPostponed(Exception fault, Guid bundle, TimeSpan pause);
}
