using ControlPlane.Database;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ControlPlane.Tests.Audit;

/// <summary>A migrated database with two roles, as README.md advises: an owner, and the one that the program runs
/// as.</summary>
public sealed class TwoRoles(PostgresFixture server) : IAsyncLifetime
{
    private readonly string _role = $"run_{Guid.NewGuid():N}";

    /// <summary>For the program.</summary>
    public string Running { get; private set; } = "";

    /// <summary>A superuser's: whoever tampers.</summary>
    public string Owner { get; private set; } = "";

    public NpgsqlDataSource Program { get; private set; } = null!;

    public NpgsqlDataSource Tamperer { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Owner = await server.CreateDatabaseAsync();
        Running = new NpgsqlConnectionStringBuilder(Owner) { Username = _role, Password = _role }.ConnectionString;
        Tamperer = NpgsqlDataSource.Create(Owner);
        Program = NpgsqlDataSource.Create(Running);
        await TamperAsync($"CREATE ROLE {_role} LOGIN PASSWORD '{_role}'");
        await MigrateAsync();
    }

    public Task MigrateAsync() => new Migrator(
        Program, TimeProvider.System, NullLogger<Migrator>.Instance, new OwnerConnection(Owner)).MigrateAsync(default);

    public async Task<int> TamperAsync(string sql)
    {
        await using var command = Tamperer.CreateCommand(sql);
        return await command.ExecuteNonQueryAsync();
    }

    public async Task<T> ReadAsync<T>(string sql)
    {
        await using var command = Tamperer.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public string Role => _role;

    public async ValueTask DisposeAsync()
    {
        await Program.DisposeAsync();
        await TamperAsync($"DROP OWNED BY {_role}");
        await TamperAsync($"DROP ROLE {_role}");
        await Tamperer.DisposeAsync();
    }
}
