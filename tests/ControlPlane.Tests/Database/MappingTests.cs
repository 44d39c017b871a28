using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.Database;

/// <summary>Mapping and schema are written by hand, twice; this holds them against each other.</summary>
public sealed class MappingTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    /// <summary>Tables that are read and written in plain SQL only.</summary>
    private static readonly string[] Unmapped =
    [
        "ca_budgets", "ca_budget_slots", "database_lineage", "schema_migrations", "audit_entries", "audit_batches",
        "audit_sealed", "past_withdrawals", "event_marks", "console_sessions",
    ];

    [Fact]
    public async Task Mapping_and_schema_say_the_same()
    {
        await using var db = database.Open();
        var mapped = db.Model.GetEntityTypes().SelectMany(Columns).Order(StringComparer.Ordinal).ToList();
        var schema = await SchemaAsync();

        Assert.Equal(schema, mapped);
    }

    [Fact]
    public async Task A_second_migration_changes_nothing_and_a_changed_file_is_refused()
    {
        var migrator = new Migrator(
            database.DataSource, TimeProvider.System, NullLogger<Migrator>.Instance);
        await migrator.MigrateAsync(default);

        await using var alter = database.DataSource.CreateCommand(
            "UPDATE schema_migrations SET sha256 = 'other' WHERE number = 1 RETURNING name");
        Assert.Equal("001_initial.sql", await alter.ExecuteScalarAsync());
        var refusal = await Assert.ThrowsAsync<InvalidOperationException>(() => migrator.MigrateAsync(default));
        Assert.Contains("001_initial.sql", refusal.Message, StringComparison.Ordinal);
    }

    private static IEnumerable<string> Columns(IEntityType entity) => entity.GetProperties().Select(property =>
        $"{entity.GetTableName()}.{property.GetColumnName()} {property.GetColumnType()} "
        + $"{(property.IsNullable ? "null" : "not null")}{(property.IsPrimaryKey() ? " key" : "")}");

    private async Task<List<string>> SchemaAsync()
    {
        await using var command = database.DataSource.CreateCommand(
            """
            SELECT c.relname, format('%s.%s %s %s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                CASE WHEN a.attnotnull THEN 'not null' ELSE 'null' END,
                CASE WHEN a.attnum = ANY (k.conkey) THEN ' key' ELSE '' END)
            FROM pg_class c
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
            WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
            """);
        await using var reader = await command.ExecuteReaderAsync();
        var columns = new List<string>();
        while (await reader.ReadAsync())
        {
            // The job engine's tables are read and written by the engine alone.
            if (!Unmapped.Contains(reader.GetString(0))
                && !reader.GetString(0).StartsWith("qrtz_", StringComparison.Ordinal))
            {
                columns.Add(reader.GetString(1));
            }
        }

        return [.. columns.Order(StringComparer.Ordinal)];
    }
}
