using ControlPlane.Database;
using ControlPlane.Domains.Reading;
using ControlPlane.Http;
using Npgsql;

namespace ControlPlane.Nodes;

/// <summary>What happened to a node: told in the transaction that makes it happen, read by
/// GET /v1/nodes/{node}/events.</summary>
internal static class NodeEvents
{
    /// <summary>Tells within the caller's transaction.</summary>
    /// <param name="connection">With the transaction open.</param>
    /// <param name="node">The node.</param>
    /// <param name="type">One of <see cref="Domains.EventTypes"/>.</param>
    /// <param name="message">A sentence for a person.</param>
    /// <param name="now">When.</param>
    /// <param name="ct">Ends the write.</param>
    public static async Task TellAsync(
        NpgsqlConnection connection, Guid node, string type, string message, DateTimeOffset now, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            "INSERT INTO events (at, node_id, type, message) VALUES ($1, $2, $3, $4)", connection)
        {
            Parameters =
            {
                new() { Value = now },
                new() { Value = node },
                new() { Value = type },
                new() { Value = message },
            },
        };
        await command.ExecuteNonQueryAsync(ct);
    }

    public static async Task<IResult> ReadAsync(
        string node, ControlPlaneDb db, CancellationToken ct, long after = 0, int limit = Page<EventView>.MaxLimit)
    {
        var (id, refusal) = await NodeReference.FindAsync(db, node, ct);
        return refusal ?? await ReadEvents.PageAsync(db.Events.Where(row => row.NodeId == id), after, limit, ct);
    }
}
