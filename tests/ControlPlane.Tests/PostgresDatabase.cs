using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
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

    public virtual async ValueTask DisposeAsync()
    {
        await DataSource.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>A migrated database, for the role that this connection string names.</summary>
    protected virtual async Task<string> CreateAsync()
    {
        var owner = await server.CreateDatabaseAsync();
        await using var source = NpgsqlDataSource.Create(owner);
        await new Migrator(source, TimeProvider.System, NullLogger<Migrator>.Instance).MigrateAsync(default);
        return owner;
    }
}
