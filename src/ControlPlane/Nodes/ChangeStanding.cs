using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http;
using ControlPlane.Jobs;
using ControlPlane.Nodes.Access;
using ControlPlane.Nodes.Publishing;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Nodes;

/// <summary>
/// POST /v1/nodes/{node}/drain, /undrain and /retire, and what they share with a ban: the node leaves the proofs, so
/// that orders that waited for it are looked at anew, and its key is forgotten on every replica. Repeating one is no
/// error.
/// </summary>
internal static class ChangeStanding
{
    // Still served to, no longer waited for.
    public static Task<Results<Ok<NodeView>, Problem>> DrainAsync(
        string node, [AsParameters] Tools tools, CancellationToken ct) =>
        RunAsync(node, tools, NodeStanding.Draining, (change, token) => TellAsync(
            change, NodeStanding.Draining, EventTypes.NodeDraining, "is being drained: no proof waits for it.", token),
            ct);

    // Back among those that are waited for, once it has proven that it serves all there is.
    public static Task<Results<Ok<NodeView>, Problem>> UndrainAsync(
        string node, [AsParameters] Tools tools, CancellationToken ct) =>
        RunAsync(node, tools, NodeStanding.Joining, (change, token) => change.From != NodeStanding.Draining
            ? Task.FromResult<Action?>(null)
            : TellAsync(
                change, NodeStanding.Joining, EventTypes.NodeUndrained,
                "is not drained any more: it serves again as soon as it has proven all there is.", token), ct);

    // Gone for good; its name is free for a successor.
    public static Task<Results<Ok<NodeView>, Problem>> RetireAsync(
        string node, [AsParameters] Tools tools, CancellationToken ct) =>
        RunAsync(node, tools, NodeStanding.Retired, (change, token) => TellAsync(
            change, NodeStanding.Retired, EventTypes.NodeRetired, "is retired: its token is refused.", token), ct);

    /// <summary>Changes a standing.</summary>
    /// <param name="node">Its id or name.</param>
    /// <param name="tools">What the routes are given.</param>
    /// <param name="to">The new standing.</param>
    /// <param name="also">What else belongs into the transaction, while the node's row is locked; returns what is to be
    /// done right after the commit, if anything.</param>
    /// <param name="ct">Ends the change before its commit.</param>
    public static async Task<Results<Ok<NodeView>, Problem>> RunAsync(
        string node, Tools tools, NodeStanding to, Func<Change, CancellationToken, Task<Action?>> also,
        CancellationToken ct)
    {
        var (id, refusal) = await NodeReference.FindAsync(tools.Db, node, ct);
        if (refusal is not null)
        {
            return refusal;
        }

        await using var connection = await tools.Database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        var now = tools.Time.GetUtcNow();
        var change = await LockAsync(connection, id, now, ct);
        if (change.From == NodeStanding.Retired && to != NodeStanding.Retired)
        {
            return NodeProblems.NodeRetired.With();
        }

        // Only what is being drained joins once more: whoever serves goes on serving.
        to = to == NodeStanding.Joining && change.From != NodeStanding.Draining ? change.From : to;
        await using (var move = new NpgsqlCommand(
            """
            UPDATE nodes
            SET standing = $2, retired_at = CASE WHEN $2 = 'Retired' THEN coalesce(retired_at, $3) END WHERE id = $1
            """,
            connection))
        {
            move.Parameters.Add(new() { Value = id });
            move.Parameters.Add(new() { Value = to.ToString() });
            move.Parameters.Add(new() { Value = now });
            await move.ExecuteNonQueryAsync(ct);
        }

        if (change.From == NodeStanding.Lost)
        {
            await FleetStanding.TellWholeAsync(connection, change.Fleet, now, ct);
        }

        var committed = await also(change, ct);
        var due = await DueOrders.OfFleetAsync(connection, change.Fleet, now, ct);
        await using (var tell = new NpgsqlCommand("SELECT pg_notify($1, $2)", connection))
        {
            tell.Parameters.Add(new() { Value = Channels.NodeAccess });
            tell.Parameters.Add(new() { Value = change.Fleet.ToString() });
            await tell.ExecuteNonQueryAsync(ct);
        }

        await transaction.CommitAsync(ct);
        committed?.Invoke();
        // In this order: a poll that is woken must not find the key it is refused by in the cache.
        tools.Keys.Forget();
        tools.Waiters.Wake(change.Fleet);
        foreach (var state in due)
        {
            tools.Wakes.Wake(state);
        }

        return TypedResults.Ok(await NodeView.From(tools.Db, row => row.Id == id).SingleAsync(ct));
    }

    private static async Task<Action?> TellAsync(
        Change change, NodeStanding to, string type, string what, CancellationToken ct)
    {
        if (change.From != to)
        {
            await NodeEvents.TellAsync(
                change.Connection, change.Node, type, $"Node {change.Name} {what}", change.Now, ct);
        }

        return null;
    }

    private static async Task<Change> LockAsync(
        NpgsqlConnection connection, Guid id, DateTimeOffset now, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            "SELECT fleet_id, name, standing FROM nodes WHERE id = $1 FOR NO KEY UPDATE", connection)
        {
            Parameters = { new() { Value = id } },
        };
        await using var reader = await command.ExecuteReaderAsync(ct);
        // Rows of nodes are never deleted: the one that was found is there.
        await reader.ReadAsync(ct);
        return new Change(
            connection, id, reader.GetGuid(0), reader.GetString(1),
            Enum.Parse<NodeStanding>(reader.GetString(2)), now);
    }

    /// <summary>The node under change, its row locked.</summary>
    internal sealed record Change(
        NpgsqlConnection Connection, Guid Node, Guid Fleet, string Name, NodeStanding From, DateTimeOffset Now);

    /// <summary>What the routes share; bound by the framework (<see cref="AsParametersAttribute"/>).</summary>
    internal readonly record struct Tools(
        NpgsqlDataSource Database, ControlPlaneDb Db, NodeKeyCache Keys, DesiredStateWaiters Waiters, IWakes Wakes,
        TimeProvider Time);
}
