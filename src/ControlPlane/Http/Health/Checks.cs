using ControlPlane.Database;
using ControlPlane.Vault;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace ControlPlane.Http.Health;

/// <summary>The database answers and has every migration this program brings.</summary>
internal sealed class DatabaseCheck(NpgsqlDataSource database) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await using var command = database.CreateCommand("SELECT count(*) FROM schema_migrations");
            var applied = (long)(await command.ExecuteScalarAsync(cancellationToken))!;
            var known = typeof(Migrator).Assembly.GetManifestResourceNames()
                .Count(name => name.StartsWith("migrations/", StringComparison.Ordinal));
            return applied < known
                ? HealthCheckResult.Unhealthy($"{applied} of {known} migrations are applied.")
                : HealthCheckResult.Healthy();
        }
        catch (NpgsqlException away)
        {
            // The message may name host and user; readers of /readyz have no key.
            return HealthCheckResult.Unhealthy("The database cannot be reached.", away);
        }
    }
}

/// <summary>A replica that opens private keys holds the key-encryption key.</summary>
internal sealed class KeyFileCheck(IConfiguration configuration) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        // Looked for each time, though they are loaded at start: a replica that lost a file would not come up again.
        var vault = VaultOptions.Of(configuration);
        var files = vault.Listed().SelectMany(key => new[] { key.File, key.PinFile }).OfType<string>();
        return Task.FromResult(!vault.CanOpen || files.All(File.Exists)
            ? HealthCheckResult.Healthy()
            : HealthCheckResult.Unhealthy(
                "Vault:CanOpen is set, but a file named in Vault:Keys or Vault:KeyFile is not there."));
    }
}
