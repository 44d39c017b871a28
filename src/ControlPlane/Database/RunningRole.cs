using Npgsql;

namespace ControlPlane.Database;

/// <summary>
/// What the role that the program runs as may do: everything with rows, nothing with tables; and with what is written
/// once and for all, no more than add to it and read it. A program that was taken over can lie in new entries, but not
/// take back old ones.
/// </summary>
internal static class RunningRole
{
    /// <summary>Written once and for all.</summary>
    public static readonly IReadOnlyList<string> AppendOnly =
        ["audit_entries", "audit_batches", "audit_sealed", "bundle_releases", "events", "destroyed_keys", "receipts"];

    /// <summary>Numbers that jump ahead after a restore (Nodes/Epochs/RaiseEpoch.cs). Only for these may the role set a
    /// sequence: were the trail's own to be set back, its entries would be written in another order than they
    /// happened.</summary>
    public static readonly IReadOnlyList<(string Table, string Column)> Jumping =
        [("orders", "sequence"), ("events", "id")];

    /// <summary>The owner's alone.</summary>
    private static readonly IReadOnlyList<string> ReadOnly = ["schema_migrations"];

    /// <summary>Grants on an owner's connection what the other data source's role needs. What was granted beyond that
    /// to the append-only tables and to sequences, to the role or to everyone, is taken away.</summary>
    public static async Task GrantAsync(NpgsqlConnection owner, NpgsqlDataSource running, CancellationToken ct)
    {
        string role;
        await using (var connection = await running.OpenConnectionAsync(ct))
        {
            // Asked, not read from the setting, which may leave the name to the environment.
            role = await WordAsync(connection, "SELECT current_user", ct);
        }

        if (role == await WordAsync(owner, "SELECT current_user", ct))
        {
            return;
        }

        var to = new NpgsqlCommandBuilder().QuoteIdentifier(role);
        await using var transaction = await owner.BeginTransactionAsync(ct);
        await ExecuteAsync(owner, $"GRANT USAGE ON SCHEMA public TO {to}", ct);
        await ExecuteAsync(owner, $"REVOKE UPDATE ON ALL SEQUENCES IN SCHEMA public FROM {to}, PUBLIC", ct);
        await ExecuteAsync(owner, $"GRANT SELECT, USAGE ON ALL SEQUENCES IN SCHEMA public TO {to}", ct);
        foreach (var (table, column) in Jumping)
        {
            var sequence = await WordAsync(owner, $"SELECT pg_get_serial_sequence('{table}', '{column}')", ct);
            await ExecuteAsync(owner, $"GRANT UPDATE ON SEQUENCE {sequence} TO {to}", ct);
        }

        foreach (var (table, isView) in await TablesAsync(owner, ct))
        {
            var name = new NpgsqlCommandBuilder().QuoteIdentifier(table);
            var rights = isView || ReadOnly.Contains(table) ? "SELECT"
                : AppendOnly.Contains(table) ? "SELECT, INSERT"
                : "SELECT, INSERT, UPDATE, DELETE";
            if (ReadOnly.Contains(table) || AppendOnly.Contains(table))
            {
                await ExecuteAsync(owner, $"REVOKE ALL ON {name} FROM {to}, PUBLIC", ct);
            }

            await ExecuteAsync(owner, $"GRANT {rights} ON {name} TO {to}", ct);
        }

        await transaction.CommitAsync(ct);
    }

    /// <summary>Whether the role of this data source could change the trail after all: as owner of its tables, as a
    /// member of that role, as superuser, or by a grant.</summary>
    public static async Task<bool> CanTamperAsync(NpgsqlDataSource running, CancellationToken ct)
    {
        await using var command = running.CreateCommand(
            """
            SELECT bool_or(has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')
                OR pg_has_role(c.relowner, 'MEMBER'))
            FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY ($1)
            """);
        command.Parameters.Add(new() { Value = AppendOnly.ToArray() });
        return await command.ExecuteScalarAsync(ct) is true;
    }

    private static async Task<List<(string Name, bool IsView)>> TablesAsync(
        NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT relname, relkind IN ('v', 'm') FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
                AND pg_has_role(relowner, 'USAGE')
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var tables = new List<(string Name, bool IsView)>();
        while (await reader.ReadAsync(ct))
        {
            tables.Add((reader.GetString(0), reader.GetBoolean(1)));
        }

        return tables;
    }

    private static async Task<string> WordAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (string)(await command.ExecuteScalarAsync(ct))!;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(ct);
    }
}
