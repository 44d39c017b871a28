using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Tests;

/// <summary>One migrated database for a test class: <c>IClassFixture&lt;PostgresDatabase&gt;</c>.</summary>
public class PostgresDatabase(PostgresFixture server) : IAsyncLifetime
{
    public string ConnectionString { get; private set; } = "";

    public NpgsqlDataSource DataSource { get; private set; } = null!;

    /// <summary>Of the role that owns the tables: for what only tests do, such as to empty them.</summary>
    public virtual NpgsqlDataSource Owner => DataSource;

    public async ValueTask InitializeAsync()
    {
        ConnectionString = await CreateAsync();
        DataSource = NpgsqlDataSource.Create(ConnectionString);
    }

    internal ControlPlaneDb Open() =>
        new(new DbContextOptionsBuilder<ControlPlaneDb>().UseNpgsql(DataSource).Options);

    /// <summary>Empties tables, and all that refer to them. Not by TRUNCATE, which makes new files for every table and
    /// index: that was a sixth of these tests' time.</summary>
    public async Task EmptyAsync(params string[] tables)
    {
        await using var connection = await Owner.OpenConnectionAsync();
        await using var empty = new NpgsqlCommand(
            """
            DO $$
            DECLARE emptied regclass;
            BEGIN
                -- Neither foreign keys, as all that could be missed leaves too, nor what forbids the program to delete.
                SET LOCAL session_replication_role = replica;
                FOR emptied IN
                    WITH RECURSIVE reached (id) AS (
                        SELECT unnest(string_to_array(current_setting('test.tables'), ','))::regclass::oid
                        UNION
                        SELECT conrelid FROM pg_constraint JOIN reached ON confrelid = reached.id AND contype = 'f')
                    SELECT id FROM reached
                LOOP
                    EXECUTE format('DELETE FROM %s', emptied);
                END LOOP;
            END $$
            """,
            connection);
        await using var transaction = await connection.BeginTransactionAsync();
        await using var named = new NpgsqlCommand("SELECT set_config('test.tables', $1, true)", connection);
        named.Parameters.Add(new() { Value = string.Join(',', tables) });
        await named.ExecuteNonQueryAsync();
        await empty.ExecuteNonQueryAsync();
        await transaction.CommitAsync();
    }

    public virtual async ValueTask DisposeAsync()
    {
        await DataSource.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>A migrated database, for the role that this connection string names.</summary>
    protected virtual Task<string> CreateAsync() => server.CreateMigratedDatabaseAsync();
}
