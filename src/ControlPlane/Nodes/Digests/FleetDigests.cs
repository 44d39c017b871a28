using ControlPlane.Contracts;
using Npgsql;

namespace ControlPlane.Nodes.Digests;

/// <summary>Where a fleet's history stands.</summary>
internal readonly record struct FleetPosition(long Epoch, long Revision);

/// <summary>The digest of all that a fleet wanted at one position. Read by many at once, changed by nobody.</summary>
internal sealed record FleetDigest(FleetPosition At, StateDigest Buckets);

/// <summary>
/// Digests of fleets, computed when somebody asks and kept until a node asks that is further on. Nodes that ask at the
/// same time share one computation: after a restart of the API a whole fleet audits itself at once. Rows are streamed
/// into 32 KiB per fleet, which is also all that is kept; 100,000 rows take a fraction of a second.
/// </summary>
internal sealed class FleetDigests(NpgsqlDataSource database)
{
    /// <summary>One statement, hence one snapshot: position and rows belong together. From two indexes, and without
    /// order.</summary>
    private const string Sql =
        """
        SELECT fleet.epoch, fleet.revision, wanted.domain_id, wanted.revision, bundle.fingerprint,
               wanted.tls_minimum
        FROM fleets fleet
        LEFT JOIN desired_state wanted ON wanted.fleet_id = fleet.id AND wanted.bundle_id IS NOT NULL
        LEFT JOIN bundles bundle ON bundle.id = wanted.bundle_id
        WHERE fleet.id = $1
        """;

    /// <summary>Seconds; a computation takes less than one. Whoever asks next begins anew, so no retry here.</summary>
    private const int Timeout = 15;

    private readonly Lock _gate = new();
    private readonly Dictionary<Guid, Computation> _latest = [];

    /// <summary>A digest that holds all up to what a node has recorded.</summary>
    /// <param name="fleet">The node's fleet.</param>
    /// <param name="recorded">The node's revision, in the present epoch: a digest of then or later will do.</param>
    /// <param name="now">Where the fleet stands, read a moment ago and not below the node's.</param>
    /// <param name="ct">Ends the wait; the computation goes on for the others.</param>
    public Task<FleetDigest> ReadAsync(Guid fleet, long recorded, FleetPosition now, CancellationToken ct)
    {
        lock (_gate)
        {
            var usable = _latest.TryGetValue(fleet, out var latest)
                && latest.From.Epoch == now.Epoch
                && latest.From.Revision >= recorded
                && !latest.Result.IsFaulted;
            if (!usable)
            {
                // On its own thread: nobody else waits for the gate while it opens a connection.
                latest = new Computation(now, Task.Run(() => ComputeAsync(fleet), CancellationToken.None));
                _latest[fleet] = latest;
            }

            return latest!.Result.WaitAsync(ct);
        }
    }

    private async Task<FleetDigest> ComputeAsync(Guid fleet)
    {
        await using var command = database.CreateCommand(Sql);
        command.CommandTimeout = Timeout;
        command.Parameters.Add(new() { Value = fleet });
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        var digest = new StateDigest();
        var at = default(FleetPosition);
        while (await reader.ReadAsync(CancellationToken.None))
        {
            at = new FleetPosition(reader.GetInt64(0), reader.GetInt64(1));
            if (!reader.IsDBNull(2))
            {
                digest.Toggle(
                    reader.GetGuid(2), reader.GetInt64(3), reader.GetString(4),
                    TlsVersions.OnWire(reader.GetString(5)));
            }
        }

        return new FleetDigest(at, digest);
    }

    /// <param name="From">What it read is of then or later.</param>
    /// <param name="Result">Fails with what the database failed with; then the next to ask begins anew.</param>
    private sealed record Computation(FleetPosition From, Task<FleetDigest> Result);
}
