using ControlPlane.Domains;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Nodes;

/// <summary>Makes the fleet that new domains belong to, if it is absent. Several replicas may start at once.</summary>
internal sealed class DefaultFleet(NpgsqlDataSource database, IOptions<FleetOptions> options, TimeProvider time)
    : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            "INSERT INTO fleets (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING");
        var now = time.GetUtcNow();
        command.Parameters.Add(new() { Value = Guid.CreateVersion7(now) });
        command.Parameters.Add(new() { Value = options.Value.Name });
        command.Parameters.Add(new() { Value = now });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
