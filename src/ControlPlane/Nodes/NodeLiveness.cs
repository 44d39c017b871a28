using ControlPlane.Domains;
using ControlPlane.Jobs;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Nodes;

/// <summary>
/// Marks Serving nodes that have been silent, or without their HAProxy, for longer than
/// <see cref="NodeOptions.LostAfter"/> as Lost. Silence counts only while somebody listened: after a start of this
/// program, and after a sweep that could not reach the database, a whole period passes before anyone is called lost.
/// Run it several times per period, on any replica; two at once do no harm.
/// </summary>
internal sealed partial class NodeLiveness(
    NpgsqlDataSource database,
    IWakes wakes,
    IOptions<NodeOptions> options,
    TimeProvider time,
    ILogger<NodeLiveness> log) : ISweep
{
    private long? _listeningSince = time.GetTimestamp();

    public async Task RunAsync(CancellationToken ct)
    {
        var since = _listeningSince;
        _listeningSince = null;
        var lost = since is { } from && time.GetElapsedTime(from) >= options.Value.LostAfter
            ? await MarkAsync(ct)
            : await ReachAsync(ct);
        _listeningSince = since ?? time.GetTimestamp();
        foreach (var name in lost)
        {
            LogLost(name, options.Value.LostAfter);
        }
    }

    private async Task<List<string>> MarkAsync(CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        var now = time.GetUtcNow();
        var names = new List<string>();
        var fleets = new HashSet<Guid>();
        var ids = new List<Guid>();
        await using (var mark = new NpgsqlCommand(
            """
            UPDATE nodes SET standing = 'Lost'
            WHERE id IN (
                SELECT id FROM nodes WHERE standing = 'Serving' AND last_seen_at < $1 ORDER BY id FOR NO KEY UPDATE)
            RETURNING fleet_id, name, id
            """,
            connection))
        {
            mark.Parameters.Add(new() { Value = now - options.Value.LostAfter });
            await using var reader = await mark.ExecuteReaderAsync(ct);
            while (await reader.ReadAsync(ct))
            {
                fleets.Add(reader.GetGuid(0));
                names.Add(reader.GetString(1));
                ids.Add(reader.GetGuid(2));
            }
        }

        foreach (var (id, name) in ids.Zip(names))
        {
            await NodeEvents.TellAsync(
                connection, id, EventTypes.NodeLost, $"Node {name} was silent, or without its HAProxy, for more than "
                + $"{options.Value.LostAfter}: it is not waited for.", now, ct);
        }

        var woken = new HashSet<OrderState>();
        foreach (var fleet in fleets)
        {
            woken.UnionWith(await DueOrders.OfFleetAsync(connection, fleet, now, ct));
            await FleetStanding.TellDegradedAsync(connection, fleet, now, ct);
        }

        await transaction.CommitAsync(ct);
        foreach (var state in woken)
        {
            wakes.Wake(state);
        }

        return names;
    }

    /// <summary>While the period is not over, only that the database is there matters.</summary>
    private async Task<List<string>> ReachAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand("SELECT 1");
        await command.ExecuteScalarAsync(ct);
        return [];
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Node {Name} is lost: silent, or without its HAProxy, for more than {LostAfter}")]
    private partial void LogLost(string name, TimeSpan lostAfter);
}
