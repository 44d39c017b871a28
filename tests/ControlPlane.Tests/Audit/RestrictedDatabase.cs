using Npgsql;

namespace ControlPlane.Tests.Audit;

/// <summary>A migrated database, used under the role that README.md advises for the program: what the role may not do
/// fails the class's tests as it would fail a program in use.</summary>
public sealed class RestrictedDatabase(PostgresFixture server) : PostgresDatabase(server)
{
    private readonly TwoRoles _roles = new(server);

    public override NpgsqlDataSource Owner => _roles.Tamperer;

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _roles.DisposeAsync();
    }

    protected override async Task<string> CreateAsync()
    {
        await _roles.InitializeAsync();
        return _roles.Running;
    }
}
