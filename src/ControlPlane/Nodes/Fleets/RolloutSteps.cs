using ControlPlane.Domains;
using ControlPlane.Http;
using ControlPlane.Jobs;
using ControlPlane.Nodes.Publishing;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Nodes.Fleets;

/// <summary>
/// Takes the rollout of each fleet a step further: on a wake, which every answer of a node gives, and every 5 s whether
/// woken or not. Runs on every replica; a fleet's row is taken in turn, as publishers do.
/// </summary>
internal sealed partial class RolloutSteps(
    NpgsqlDataSource database,
    DesiredStateWaiters waiters,
    IWakes wakes,
    IOptions<NodeOptions> options,
    TimeProvider time,
    ILogger<RolloutSteps> log) : BackgroundService
{
    /// <summary>The answers of a canary come in reports of up to 1,000 rows: more than 50 looks a second show nothing
    /// new.</summary>
    private static readonly TimeSpan Coalesce = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Guarantee = TimeSpan.FromSeconds(5);

    private readonly WakeSignal _bell = new(time);

    /// <summary>A node has answered, or somebody steered. Never blocks.</summary>
    public void Wake() => _bell.Ring();

    /// <summary>One step of every fleet that may need one.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        var now = time.GetUtcNow();
        var shares = await SharesAsync(connection, now, ct);
        var due = await BehindAsync(connection, ct);
        due.UnionWith(shares.Values.Where(share => share.Halts(options.Value)).Select(share => share.Fleet));
        foreach (var fleet in due)
        {
            try
            {
                await StepAsync(
                    connection, fleet, shares.GetValueOrDefault(fleet)?.Halts(options.Value) == true, now, ct);
            }
            catch (PostgresException held) when (held.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                // Somebody holds its row: the next round, and the others now.
                LogFailed(held);
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await RunAsync(stoppingToken);
            }
            catch (NpgsqlException away)
            {
                // Nothing is lost: the rows say what is due, and the next round asks them again.
                LogFailed(away);
            }

            await Task.Delay(Coalesce, time, stoppingToken);
            await _bell.WaitAsync(Guarantee, stoppingToken);
        }
    }

    private async Task StepAsync(
        NpgsqlConnection connection, Guid fleet, bool mayHalt, DateTimeOffset now, CancellationToken ct)
    {
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await PublishBatch.BePatientAsync(connection, ct);
        var rollout = await FleetRollout.LockAsync(connection, fleet, ct);
        HashSet<OrderState> woken = [];
        var moved = true;
        if (!rollout.IsMoving)
        {
            return;
        }

        // Counted again under the lock: what was counted before it may have been seen, and the rollout resumed.
        var share = mayHalt ? (await SharesAsync(connection, now, ct)).GetValueOrDefault(fleet) : null;
        if (share?.Halts(options.Value) == true)
        {
            var why = FormattableString.Invariant(
                $"{share.Domains} domains are refused, {share.Share:P1} of the answers since {Since(rollout, now):u}. ")
                + $"GET /v1/domains?fleet={rollout.Name}&reason={Reasons.NodeRefused.Code} lists them.";
            await rollout.MoveAsync(RolloutState.Halted, why, EventTypes.RolloutHalted, now, ct);
            woken = await DueOrders.OfFleetAsync(connection, fleet, now, ct);
            LogHalted(rollout.Name, why);
        }
        else if (await rollout.ReleasableAsync(ct) is { } to
            && (to > rollout.Released || (to == rollout.Revision && rollout.State == RolloutState.CanarySilent)))
        {
            // Nothing is left to release when what the canary left unanswered was withdrawn.
            await rollout.ReleaseAsync(to, now, ct);
            if (rollout.State == RolloutState.CanarySilent)
            {
                await rollout.MoveAsync(RolloutState.Running, null, EventTypes.RolloutResumed, now, ct);
                woken = await DueOrders.OfFleetAsync(connection, fleet, now, ct);
            }
        }
        else if (rollout.State == RolloutState.Running
            && await rollout.WaitingSinceAsync(ct) is { } since && now - since > options.Value.CanaryPatience)
        {
            await rollout.MoveAsync(
                RolloutState.CanarySilent, "A canary that serves has not answered; drain it, or take fewer canaries.",
                EventTypes.CanarySilent, now, ct);
            woken = await DueOrders.OfFleetAsync(connection, fleet, now, ct);
            LogSilent(rollout.Name, options.Value.CanaryPatience);
        }
        else
        {
            moved = false;
        }

        await transaction.CommitAsync(ct);
        if (moved)
        {
            waiters.Wake(fleet);
        }

        foreach (var state in woken)
        {
            wakes.Wake(state);
        }
    }

    private Task<Dictionary<Guid, RefusalShare>> SharesAsync(
        NpgsqlConnection connection, DateTimeOffset now, CancellationToken ct) =>
        RefusalShare.ReadAsync(
            connection, now - options.Value.RefusalWindow, options.Value.RefusedDomainsToHalt, ct);

    private DateTimeOffset Since(FleetRollout rollout, DateTimeOffset now) =>
        rollout.RefusalsSince > now - options.Value.RefusalWindow
            ? rollout.RefusalsSince.Value
            : now - options.Value.RefusalWindow;

    private static async Task<HashSet<Guid>> BehindAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT id FROM fleets
            WHERE rollout = 'CanarySilent' OR rollout = 'Running' AND released_revision < revision
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var fleets = new HashSet<Guid>();
        while (await reader.ReadAsync(ct))
        {
            fleets.Add(reader.GetGuid(0));
        }

        return fleets;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "ALARM: the rollout of fleet {Fleet} is halted: {Why}")]
    private partial void LogHalted(string fleet, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A canary of fleet {Fleet} has not answered for {Patience}")]
    private partial void LogSilent(string fleet, TimeSpan patience);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Rollouts could not be looked at; tried again in 5 s")]
    private partial void LogFailed(Exception away);
}
