using ControlPlane.Contracts;
using ControlPlane.Database;
using ControlPlane.Domains;
using Npgsql;

namespace ControlPlane.Nodes.Withdrawals;

/// <summary>
/// Holds back a mass withdrawal, be it a mistake or a thief's, before any node hears of it. Asked by the publisher
/// within its transaction and while it has its turn at the fleet, so that no two batches count at the same time.
/// </summary>
internal static class WithdrawalBreaker
{
    /// <summary>A name that another domain of the fleet has or gets is handed over, not lost: it goes at once, held
    /// before or not, and in the same revision as its successor comes.</summary>
    private const string AskedSql =
        """
        SELECT change.domain_id, change.hostname, least(change.changed_at, $2),
               EXISTS (SELECT 1 FROM desired_state state
                       WHERE state.fleet_id = $1 AND state.hostname = change.hostname
                         AND state.domain_id <> change.domain_id AND state.bundle_id IS NOT NULL)
               OR EXISTS (SELECT 1 FROM desired_changes other
                          WHERE other.fleet_id = $1 AND other.hostname = change.hostname
                            AND other.domain_id <> change.domain_id AND other.bundle_id IS NOT NULL),
               change.held_at IS NOT NULL
        FROM desired_changes change
        WHERE change.fleet_id = $1 AND change.bundle_id IS NULL AND change.approval IS NULL
        FOR UPDATE OF change SKIP LOCKED
        """;

    /// <summary>Not the names that somebody else has now: no node counts them either.</summary>
    private const string PublishedSql =
        """
        SELECT least(gone.changed_at, $2) FROM desired_state gone
        WHERE gone.fleet_id = $1 AND gone.bundle_id IS NULL AND gone.approval IS NULL
          AND gone.published_at > $3 AND gone.changed_at > $3
          AND NOT EXISTS (
              SELECT 1 FROM desired_state state
              WHERE state.fleet_id = $1 AND state.hostname = gone.hostname AND state.bundle_id IS NOT NULL)
        """;

    /// <summary>By the database's clock, and above all that is held: an admin approves up to what he has seen, and
    /// replicas' clocks differ.</summary>
    private const string HoldSql =
        """
        WITH held AS (
            UPDATE desired_changes SET held_at = greatest(
                clock_timestamp(),
                (SELECT max(held_at) + interval '1 microsecond' FROM desired_changes WHERE fleet_id = $1))
            WHERE fleet_id = $1 AND domain_id = ANY ($3) RETURNING 1
        )
        INSERT INTO events (at, type, message)
        SELECT $2, $4, 'Fleet ' || fleets.name || ': ' || (SELECT count(*) FROM held) || ' withdrawals are held, '
               || 'because more than ' || $5 || ' within an hour need an admin''s approval.'
        FROM fleets WHERE id = $1
        """;

    /// <summary>Holds what is too much, and names the withdrawals that may be published now. Approved ones are not
    /// among them: they may in any case.</summary>
    public static async Task<Guid[]> AdmitAsync(
        NpgsqlConnection connection, Guid fleet, DateTimeOffset now, CancellationToken ct)
    {
        List<Guid> admitted = [];
        List<AskedWithdrawal> asked = [];
        await using (var command = connection.Command(AskedSql, fleet, now))
        {
            await using var reader = await command.ExecuteReaderAsync(ct);
            while (await reader.ReadAsync(ct))
            {
                if (reader.GetBoolean(3))
                {
                    admitted.Add(reader.GetGuid(0));
                }
                else if (!reader.GetBoolean(4))
                {
                    asked.Add(new AskedWithdrawal(
                        reader.GetGuid(0), reader.GetString(1), reader.GetFieldValue<DateTimeOffset>(2)));
                }
            }
        }

        if (asked.Count == 0)
        {
            return [.. admitted];
        }

        var published = await PublishedAsync(
            connection, fleet, now, asked.Min(one => one.At) - WithdrawalAllowance.Window, ct);
        var allowed = WithdrawalAllowance.Of(await ServedAsync(connection, fleet, ct));
        var held = WithdrawalAllowance.Held(published, asked, allowed).Select(one => one.Domain).ToHashSet();
        if (held.Count > 0)
        {
            await using var hold = connection.Command(
                HoldSql, fleet, now, held.ToArray(), EventTypes.WithdrawalsHeld, allowed);
            await hold.ExecuteNonQueryAsync(ct);
        }

        return [.. admitted, .. asked.Select(one => one.Domain).Where(domain => !held.Contains(domain))];
    }

    /// <summary>Names that the fleet serves.</summary>
    public static async Task<long> ServedAsync(NpgsqlConnection connection, Guid fleet, CancellationToken ct)
    {
        await using var command = connection.Command(
            "SELECT count(*) FROM desired_state WHERE fleet_id = $1 AND bundle_id IS NOT NULL", fleet);
        return (long)(await command.ExecuteScalarAsync(ct))!;
    }

    private static async Task<List<DateTimeOffset>> PublishedAsync(
        NpgsqlConnection connection, Guid fleet, DateTimeOffset now, DateTimeOffset after, CancellationToken ct)
    {
        await using var command = connection.Command(PublishedSql, fleet, now, after);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var times = new List<DateTimeOffset>();
        while (await reader.ReadAsync(ct))
        {
            times.Add(reader.GetFieldValue<DateTimeOffset>(0));
        }

        return times;
    }
}
