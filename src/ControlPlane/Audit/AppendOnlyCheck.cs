using ControlPlane.Database;
using Npgsql;

namespace ControlPlane.Audit;

/// <summary>Says once, at start, when the program's own role could change the trail.</summary>
internal sealed partial class AppendOnlyCheck(NpgsqlDataSource database, ILogger<AppendOnlyCheck> log) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (await RunningRole.CanTamperAsync(database, cancellationToken))
        {
            LogNotAppendOnly();
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message =
            "The audit trail is not append-only against this program: its database role may change it. Give "
            + "ConnectionStrings__ControlPlane a role of its own and the owner's to ConnectionStrings__Migrations.")]
    private partial void LogNotAppendOnly();
}
