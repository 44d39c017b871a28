using ControlPlane.Database;
using ControlPlane.Nodes.Publishing;
using Npgsql;

namespace ControlPlane.Nodes.Fleets;

/// <summary>A fleet's rollout, its row locked within the caller's transaction: as it was found, and what may be done to
/// it. Each change names the fleet alone to those who wait: the revision is one they were told of already.</summary>
internal sealed record FleetRollout(
    NpgsqlConnection Connection, Guid Fleet, string Name, long Revision, long Released, int Canaries,
    RolloutState State, DateTimeOffset? RefusalsSince)
{
    /// <summary>Goes on by itself.</summary>
    public bool IsMoving => State is RolloutState.Running or RolloutState.CanarySilent;

    /// <summary>NO KEY, as <see cref="PublishBatch"/> locks it and for its reason.</summary>
    public static async Task<FleetRollout> LockAsync(NpgsqlConnection connection, Guid fleet, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            $"""
            SELECT name, revision, released_revision, canaries, rollout, refusals_since, {PublishBatch.EndWhenCutOff}
            FROM fleets WHERE id = $1 FOR NO KEY UPDATE
            """,
            connection)
        {
            Parameters = { new() { Value = fleet } },
        };
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return new FleetRollout(
            connection, fleet, reader.GetString(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt32(3),
            Enum.Parse<RolloutState>(reader.GetString(4)),
            reader.IsDBNull(5) ? null : reader.GetFieldValue<DateTimeOffset>(5));
    }

    /// <summary>
    /// The revision up to which every canary has answered, be it with a refusal: one bad bundle blocks no other. Null
    /// while no canary serves: then nothing is known of the changes and nobody is there to serve them; the next node
    /// that serves takes the place. A canary that is lost is none, so that its fleet does not wait for it.
    /// An answer counts by what was served or by the revision it speaks of: from the one that brought the bundle on,
    /// because a change may move to a later one while it is held (<see cref="ReleaseWithdrawals"/>). Its time says
    /// nothing: a refusal of the bundle before may come late.
    /// </summary>
    public async Task<long?> ReleasableAsync(CancellationToken ct)
    {
        if (Canaries == 0)
        {
            return Revision;
        }

        await using var command = new NpgsqlCommand(
            """
            WITH canary AS MATERIALIZED (
                SELECT id FROM nodes WHERE fleet_id = $1 AND standing = 'Serving' ORDER BY id LIMIT $2
            ), open AS (
                SELECT min(wanted.revision) AS revision
                FROM desired_state wanted
                CROSS JOIN canary
                LEFT JOIN bundles bundle ON bundle.id = wanted.bundle_id
                LEFT JOIN node_observations seen ON seen.node_id = canary.id AND seen.domain_id = wanted.domain_id
                WHERE wanted.fleet_id = $1 AND wanted.revision > $3
                  AND NOT coalesce(
                      seen.revision >= coalesce(wanted.brought_at_revision, wanted.revision)
                      OR seen.state = 'Serving' AND seen.handshake_fingerprint = bundle.fingerprint,
                      false)
            )
            SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM canary) THEN NULL
                        ELSE coalesce((SELECT revision FROM open) - 1, $4) END
            """,
            Connection)
        {
            Parameters =
            {
                new() { Value = Fleet },
                new() { Value = (long)Canaries },
                new() { Value = Released },
                new() { Value = Revision },
            },
        };
        return await command.ExecuteScalarAsync(ct) as long?;
    }

    /// <summary>Since when the oldest change has waited for a canary that serves; null when none waits.</summary>
    public async Task<DateTimeOffset?> WaitingSinceAsync(CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT greatest(min(wanted.published_at), max(fleet.released_at), max(fleet.rollout_since))
            FROM fleets fleet JOIN desired_state wanted
                ON wanted.fleet_id = fleet.id AND wanted.revision > fleet.released_revision
            WHERE fleet.id = $1 AND EXISTS (SELECT 1 FROM nodes WHERE fleet_id = $1 AND standing = 'Serving')
            """,
            Connection)
        {
            Parameters = { new() { Value = Fleet } },
        };
        return await command.ExecuteScalarAsync(ct) is DateTime since
            ? new DateTimeOffset(since, TimeSpan.Zero)
            : null;
    }

    public Task ReleaseAsync(long to, DateTimeOffset now, CancellationToken ct) => ExecuteAsync(
        "UPDATE fleets SET released_revision = $2, released_at = $3 WHERE id = $1 RETURNING pg_notify($4, $5)::text",
        ct, Fleet, to, now, Channels.DesiredState, $"{Fleet}");

    /// <summary>Changes the state and tells why.</summary>
    /// <param name="to">The new state.</param>
    /// <param name="why">In a sentence; null when there is nothing to explain.</param>
    /// <param name="type">The event's.</param>
    /// <param name="now">When.</param>
    /// <param name="ct">Ends the write.</param>
    public Task MoveAsync(RolloutState to, string? why, string type, DateTimeOffset now, CancellationToken ct) =>
        ExecuteAsync(
            """
            WITH told AS (INSERT INTO events (at, type, message) VALUES ($4, $5, $6))
            UPDATE fleets SET rollout = $2, rollout_reason = $3, rollout_since = $4 WHERE id = $1
            RETURNING pg_notify($7, $8)::text
            """,
            ct, Fleet, to.ToString(), new NpgsqlParameter<string?> { TypedValue = why }, now, type,
            $"The rollout of fleet {Name} is {Word(to)}." + (why is null ? "" : $" {why}"),
            Channels.DesiredState, $"{Fleet}");

    /// <summary>What was refused before has been seen.</summary>
    public Task CountAnewAsync(DateTimeOffset now, CancellationToken ct) =>
        ExecuteAsync("UPDATE fleets SET refusals_since = $2 WHERE id = $1", ct, Fleet, now);

    public Task SetCanariesAsync(int canaries, CancellationToken ct) =>
        ExecuteAsync("UPDATE fleets SET canaries = $2 WHERE id = $1", ct, Fleet, canaries);

    private static string Word(RolloutState state) => state switch
    {
        RolloutState.Running => "running",
        RolloutState.CanarySilent => "waiting for a canary",
        RolloutState.Halted => "halted",
        RolloutState.Paused => "paused",
        _ => throw new InvalidOperationException($"No such state: {state}."),
    };

    private async Task ExecuteAsync(string sql, CancellationToken ct, params object[] values)
    {
        await using var command = Connection.Command(sql, values);
        await command.ExecuteNonQueryAsync(ct);
    }
}
