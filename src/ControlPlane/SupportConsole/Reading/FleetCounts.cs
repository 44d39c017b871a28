using ControlPlane.Database;
using ControlPlane.Http;
using Npgsql;

namespace ControlPlane.SupportConsole.Reading;

/// <summary>What takes a walk over all that fleets serve.</summary>
/// <param name="Serves">Domains by node.</param>
/// <param name="FirstEnds">By fleet, when the first certificate ends that is served and still valid.</param>
internal sealed record Counted(
    IReadOnlyDictionary<Guid, long> Serves, IReadOnlyDictionary<Guid, DateTimeOffset> FirstEnds);

/// <summary>Counts at most twice a minute, once for all who ask: neither number is in a hurry, and pages that follow
/// what happens ask every few seconds.</summary>
internal sealed class FleetCounts(NpgsqlDataSource database, TimeProvider time)
{
    private readonly SharedLook<Counted> _look = new(TimeSpan.FromSeconds(30), time);

    /// <param name="ct">Ends the caller's wait, not the count.</param>
    public Task<Counted> ReadAsync(CancellationToken ct) => _look.ReadAsync(LookAsync, ct);

    private async Task<Counted> LookAsync()
    {
        await using var connection = await database.OpenConnectionAsync();
        // What a node serves is what it answered for without what it does not serve: each is in an index.
        var serves = await ReadAsync<long>(connection.Command(
            """
            SELECT id, (SELECT count(*) FROM node_observations WHERE node_id = nodes.id)
                - (SELECT count(*) FROM node_observations WHERE node_id = nodes.id AND state <> 'Serving')
            FROM nodes WHERE standing <> 'Retired'
            """));
        var ends = await ReadAsync<DateTimeOffset>(connection.Command(
            """
            SELECT state.fleet_id, min(bundle.not_after) FROM desired_state state
            JOIN bundles bundle ON bundle.id = state.bundle_id AND bundle.not_after > $1 GROUP BY state.fleet_id
            """,
            time.GetUtcNow().ToUniversalTime()));
        return new Counted(serves, ends);
    }

    private static async Task<Dictionary<Guid, T>> ReadAsync<T>(NpgsqlCommand command)
    {
        await using (command)
        {
            await using var reader = await command.ExecuteReaderAsync();
            var read = new Dictionary<Guid, T>();
            while (await reader.ReadAsync())
            {
                read.Add(reader.GetGuid(0), await reader.GetFieldValueAsync<T>(1));
            }

            return read;
        }
    }
}
