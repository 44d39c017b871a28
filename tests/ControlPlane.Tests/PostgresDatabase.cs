using ControlPlane.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ControlPlane.Tests;

/// <summary>One migrated database for a test class: <c>IClassFixture&lt;PostgresDatabase&gt;</c>.</summary>
public sealed class PostgresDatabase(PostgresFixture server) : IAsyncLifetime
{
    public string ConnectionString { get; private set; } = "";

    public NpgsqlDataSource DataSource { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        ConnectionString = await server.CreateDatabaseAsync();
        DataSource = NpgsqlDataSource.Create(ConnectionString);
        await new Migrator(DataSource, TimeProvider.System, NullLogger<Migrator>.Instance).MigrateAsync(default);
    }

    internal ControlPlaneDb Open() =>
        new(new DbContextOptionsBuilder<ControlPlaneDb>().UseNpgsql(DataSource).Options);

    public ValueTask DisposeAsync() => DataSource.DisposeAsync();
}
