using Npgsql;

namespace EndToEnd.Tests.Harness;

/// <param name="Hostname">The name.</param>
/// <param name="Status">As the row says.</param>
/// <param name="Fingerprint">Of the bundle that was last proven everywhere.</param>
/// <param name="CaOrders">Orders at the CA from which a certificate was ever collected for this name, by whatever
/// registration of it.</param>
internal sealed record DomainFact(string Hostname, string Status, string? Fingerprint, int CaOrders);

internal sealed record OrderFact(
    Guid Id, Guid DomainId, string Hostname, string State, bool HasKey, string? CaOrderId, bool HasBundle);

internal sealed record EventFact(long Id, Guid DomainId, Guid? OrderId, string Type, string Message);

/// <summary>What the tables say, read beside the program and not through it.</summary>
internal static class DatabaseFacts
{
    public static Task<IReadOnlyList<DomainFact>> DomainsAsync(TestFleet test, CancellationToken ct) => ReadAsync(
        test,
        """
        SELECT d.hostname, d.status, b.fingerprint,
            (SELECT count(DISTINCT o.ca_order_id) FROM orders o
             WHERE o.hostname = d.hostname AND o.bundle_id IS NOT NULL)
        FROM domains d LEFT JOIN bundles b ON b.id = d.active_bundle_id ORDER BY d.id
        """,
        row => new DomainFact(row.GetString(0), row.GetString(1), Text(row, 2), row.GetInt32(3)),
        ct);

    public static Task<IReadOnlyList<OrderFact>> OrdersAsync(TestFleet test, CancellationToken ct) => ReadAsync(
        test,
        """
        SELECT id, domain_id, hostname, state, key_id IS NOT NULL, ca_order_id, bundle_id IS NOT NULL
        FROM orders ORDER BY sequence
        """,
        row => new OrderFact(
            row.GetGuid(0), row.GetGuid(1), row.GetString(2), row.GetString(3), row.GetBoolean(4), Text(row, 5),
            row.GetBoolean(6)),
        ct);

    public static Task<IReadOnlyList<EventFact>> EventsAsync(TestFleet test, CancellationToken ct) => ReadAsync(
        test,
        "SELECT id, domain_id, order_id, type, message FROM events WHERE domain_id IS NOT NULL ORDER BY id",
        row => new EventFact(
            row.GetInt64(0), row.GetGuid(1), row.IsDBNull(2) ? null : row.GetGuid(2), row.GetString(3),
            row.GetString(4)),
        ct);

    public static async Task<IReadOnlyList<T>> ReadAsync<T>(
        TestFleet test, string sql, Func<NpgsqlDataReader, T> read, CancellationToken ct)
    {
        await using var database = Owner(test);
        await using var command = database.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var rows = new List<T>();
        while (await reader.ReadAsync(ct))
        {
            rows.Add(read(reader));
        }

        return rows;
    }

    /// <summary>Damages the tables as no program would.</summary>
    public static async Task ExecuteAsync(TestFleet test, string sql, object[] parameters, CancellationToken ct)
    {
        await using var database = Owner(test);
        await using var command = database.CreateCommand(sql);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        }

        Assert.NotEqual(0, await command.ExecuteNonQueryAsync(ct));
    }

    private static NpgsqlDataSource Owner(TestFleet test) =>
        NpgsqlDataSource.Create(test.Fleet.Postgres.OwnerConnectionString + ";Pooling=false");

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column)
        ? null
        : row.GetString(column);
}
