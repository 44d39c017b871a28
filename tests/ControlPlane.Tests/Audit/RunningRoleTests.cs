using ControlPlane.Database;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ControlPlane.Tests.Audit;

/// <summary>The threat "audit tampering" by the program itself: PostgreSQL refuses it.</summary>
public sealed class RunningRoleTests(TwoRoles roles) : IClassFixture<TwoRoles>
{
    public static TheoryData<string> AppendOnly => [.. RunningRole.AppendOnly];

    [Theory]
    [MemberData(nameof(AppendOnly))]
    public async Task The_program_can_read_and_add_and_nothing_else(string table)
    {
        var column = await roles.ReadAsync<string>(
            $"""
            SELECT attname::text FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0
            ORDER BY attnum DESC LIMIT 1
            """);
        await RunAsync($"SELECT * FROM {table} LIMIT 1");
        Assert.True(await roles.ReadAsync<bool>($"SELECT has_table_privilege('{roles.Role}', '{table}', 'INSERT')"));
        string[] refused =
        [
            $"UPDATE {table} SET {column} = {column}",
            $"DELETE FROM {table}",
            $"TRUNCATE {table} CASCADE",
            $"DROP TABLE {table} CASCADE",
            $"ALTER TABLE {table} DISABLE TRIGGER ALL",
        ];
        foreach (var sql in refused)
        {
            await RefusedAsync(sql);
        }
    }

    [Theory]
    [InlineData("SET session_replication_role = replica")]
    [InlineData("UPDATE schema_migrations SET sha256 = ''")]
    [InlineData("CREATE TABLE mine (id int)")]
    [InlineData("SELECT setval('audit_entries_id_seq', 1)")]
    public Task The_program_cannot_go_around_it(string sql) => RefusedAsync(sql);

    [Fact]
    public async Task A_migration_takes_back_what_was_granted_by_hand()
    {
        await roles.TamperAsync(
            $"""
            GRANT UPDATE, DELETE ON events TO {roles.Role};
            GRANT DELETE ON events TO PUBLIC;
            GRANT UPDATE ON audit_entries_id_seq TO {roles.Role}
            """);
        Assert.True(await RunningRole.CanTamperAsync(roles.Program, default));

        await roles.MigrateAsync();

        Assert.False(await RunningRole.CanTamperAsync(roles.Program, default));
        await RefusedAsync("DELETE FROM events");
        await RefusedAsync("SELECT setval('audit_entries_id_seq', 1)");
    }

    [Fact]
    public async Task The_owner_of_the_tables_is_known_to_be_able_to_tamper() =>
        Assert.True(await RunningRole.CanTamperAsync(roles.Tamperer, default));

    /// <summary>Replicas start with the running role alone, after `ControlPlane migrate`.</summary>
    [Fact]
    public async Task Without_the_owner_the_program_starts_when_nothing_is_to_be_applied()
    {
        var migrator = new Migrator(roles.Program, TimeProvider.System, NullLogger<Migrator>.Instance);
        await migrator.MigrateAsync(default);

        await roles.TamperAsync("UPDATE schema_migrations SET sha256 = 'x' || sha256 WHERE number = 7");
        try
        {
            var refusal = await Assert.ThrowsAsync<InvalidOperationException>(() => migrator.MigrateAsync(default));
            Assert.Contains("ConnectionStrings__Migrations", refusal.Message, StringComparison.Ordinal);
        }
        finally
        {
            await roles.TamperAsync("UPDATE schema_migrations SET sha256 = substr(sha256, 2) WHERE number = 7");
        }
    }

    /// <summary>A table or view that a later migration adds is usable by the program without a word more.</summary>
    [Fact]
    public async Task Every_other_table_can_be_written_and_every_view_read()
    {
        var closed = await roles.ReadAsync<string>(
            $"""
            SELECT coalesce(string_agg(c.relname, ', '), '') FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm')
                AND c.relname <> 'schema_migrations'
                AND c.relname <> ALL (ARRAY['{string.Join("', '", RunningRole.AppendOnly)}'])
                AND NOT (has_table_privilege('{roles.Role}', c.oid, 'SELECT')
                    AND (c.relkind <> 'r' OR has_table_privilege('{roles.Role}', c.oid, 'INSERT')
                        AND has_table_privilege('{roles.Role}', c.oid, 'UPDATE')
                        AND has_table_privilege('{roles.Role}', c.oid, 'DELETE')))
            """);
        Assert.Empty(closed);
    }

    /// <summary>Those that jump after a restore can be set, and no other: it would fail for a sequence of a later
    /// migration that the program sets without a word here, and for one word too many.</summary>
    [Fact]
    public async Task Every_sequence_can_be_drawn_from_and_only_those_that_jump_can_be_set()
    {
        const string named =
            """
            SELECT coalesce(string_agg(c.relname::text, ',' ORDER BY c.relname), '')
            FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid AND c.relnamespace = 'public'::regnamespace
            WHERE true
            """;
        Assert.Empty(await roles.ReadAsync<string>(
            $"""
            {named} AND NOT (has_sequence_privilege('{roles.Role}', s.seqrelid, 'USAGE')
                AND has_sequence_privilege('{roles.Role}', s.seqrelid, 'SELECT'))
            """));
        Assert.Equal("events_id_seq,orders_sequence_seq", await roles.ReadAsync<string>(
            $"{named} AND has_sequence_privilege('{roles.Role}', s.seqrelid, 'UPDATE')"));
    }

    private async Task RunAsync(string sql)
    {
        await using var command = roles.Program.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private async Task RefusedAsync(string sql)
    {
        var refusal = await Assert.ThrowsAsync<PostgresException>(() => RunAsync(sql));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refusal.SqlState);
    }
}
