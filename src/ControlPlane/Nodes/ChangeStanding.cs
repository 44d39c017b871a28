using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Jobs;
using ControlPlane.Nodes.Access;
using ControlPlane.Nodes.Publishing;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Nodes;

/// <summary>
/// POST /v1/nodes/{id}/drain, /retire and /ban. Each takes the node out of the proofs, so that orders that waited for
/// it are looked at anew. Repeating one is no error. A ban is a retirement whose keys are known to be in other hands.
/// </summary>
internal static class ChangeStanding
{
    // Still served to, no longer waited for.
    public static Task<Results<Ok<NodeView>, Problem>> DrainAsync(
        Guid id, [AsParameters] Tools tools, CancellationToken ct) =>
        RunAsync(id, tools, NodeStanding.Draining, ban: false, ct);

    // Gone for good; its name is free for a successor.
    public static Task<Results<Ok<NodeView>, Problem>> RetireAsync(
        Guid id, [AsParameters] Tools tools, CancellationToken ct) =>
        RunAsync(id, tools, NodeStanding.Retired, ban: false, ct);

    // Refused from the next call on.
    public static Task<Results<Ok<NodeView>, Problem>> BanAsync(
        Guid id, [AsParameters] Tools tools, CancellationToken ct) =>
        RunAsync(id, tools, NodeStanding.Retired, ban: true, ct);

    private static async Task<Results<Ok<NodeView>, Problem>> RunAsync(
        Guid id, [AsParameters] Tools tools, NodeStanding to, bool ban, CancellationToken ct)
    {
        await using var connection = await tools.Database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        if (await LockAsync(connection, id, ct) is not { } found)
        {
            return Problems.NotFound.With();
        }

        if (found.Standing == NodeStanding.Retired && to == NodeStanding.Draining)
        {
            return NodeProblems.NodeRetired.With();
        }

        var now = tools.Time.GetUtcNow();
        await using (var change = new NpgsqlCommand(
            """
            UPDATE nodes SET standing = $2, banned_at = CASE WHEN $3 THEN COALESCE(banned_at, $4) ELSE banned_at END
            WHERE id = $1
            """,
            connection))
        {
            change.Parameters.Add(new() { Value = id });
            change.Parameters.Add(new() { Value = to.ToString() });
            change.Parameters.Add(new() { Value = ban });
            change.Parameters.Add(new() { Value = now });
            await change.ExecuteNonQueryAsync(ct);
        }

        var due = await DueOrders.OfFleetAsync(connection, found.Fleet, now, ct);
        await using (var tell = new NpgsqlCommand($"NOTIFY {Channels.NodeAccess}", connection))
        {
            await tell.ExecuteNonQueryAsync(ct);
        }

        await transaction.CommitAsync(ct);
        tools.Keys.Forget();
        foreach (var state in due)
        {
            tools.Wakes.Wake(state);
        }

        return TypedResults.Ok(await NodeView.From(tools.Db, node => node.Id == id).SingleAsync(ct));
    }

    private static async Task<(Guid Fleet, NodeStanding Standing)?> LockAsync(
        NpgsqlConnection connection, Guid id, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            "SELECT fleet_id, standing FROM nodes WHERE id = $1 FOR NO KEY UPDATE", connection)
        {
            Parameters = { new() { Value = id } },
        };
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) ? (reader.GetGuid(0), Enum.Parse<NodeStanding>(reader.GetString(1))) : null;
    }

    /// <summary>What the three share; bound by the framework (<see cref="AsParametersAttribute"/>).</summary>
    internal readonly record struct Tools(
        NpgsqlDataSource Database, ControlPlaneDb Db, NodeKeyCache Keys, IWakes Wakes, TimeProvider Time);
}
