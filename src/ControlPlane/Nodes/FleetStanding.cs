using ControlPlane.Domains;
using Npgsql;

namespace ControlPlane.Nodes;

/// <summary>
/// Tells tenants that a fleet which serves names of theirs lost a node, and when none is lost any more. One event for
/// each tenant, not for each of its domains: a node that is lost makes every one of them read degraded.
/// </summary>
internal static class FleetStanding
{
    /// <summary>Tells within the transaction that marked nodes as lost.</summary>
    public static Task TellDegradedAsync(
        NpgsqlConnection connection, Guid fleet, DateTimeOffset now, CancellationToken ct) => TellAsync(
            connection, fleet, EventTypes.FleetDegraded,
            "A node that serves your domains is lost. They read degraded; the other nodes serve on.", true, now, ct);

    /// <summary>Tells within the transaction in which a lost node came back or left for good, if it was the last lost
    /// one.</summary>
    public static Task TellWholeAsync(
        NpgsqlConnection connection, Guid fleet, DateTimeOffset now, CancellationToken ct) => TellAsync(
            connection, fleet, EventTypes.FleetWhole, "No node that should serve your domains is lost any more.", false,
            now, ct);

    private static async Task TellAsync(
        NpgsqlConnection connection, Guid fleet, string type, string message, bool someLost, DateTimeOffset now,
        CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO events (at, tenant_id, type, message)
            SELECT $2, tenants.id, $3, $4 FROM tenants
            WHERE EXISTS (SELECT FROM nodes WHERE fleet_id = $1 AND standing = 'Lost') = $5
              AND EXISTS (SELECT FROM domains
                          WHERE domains.tenant_id = tenants.id AND domains.fleet_id = $1 AND domains.status = 'Active')
            """,
            connection)
        {
            Parameters =
            {
                new() { Value = fleet },
                new() { Value = now },
                new() { Value = type },
                new() { Value = message },
                new() { Value = someLost },
            },
        };
        await command.ExecuteNonQueryAsync(ct);
    }
}
