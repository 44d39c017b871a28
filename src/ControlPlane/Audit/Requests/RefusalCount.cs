using Npgsql;

namespace ControlPlane.Audit.Requests;

/// <summary>
/// Keeps strangers from filling the disk with refusals: within a minute the first of a kind (actor, operation, address,
/// outcome) is written whole, its repeats are counted and written as one entry. Kinds of callers without a key are at
/// most <see cref="MostStrangers"/> a minute; what goes beyond is one kind together. So a replica writes at most 42
/// such entries a minute, some 15 MB a day, however many addresses ask.
/// </summary>
internal sealed partial class RefusalCount(AuditTrail trail, TimeProvider time, ILogger<RefusalCount> log)
    : BackgroundService
{
    public const int MostStrangers = 20;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private Dictionary<AuditNote, int> _repeats = [];
    private int _strangers;

    /// <summary>True when the note is to be written whole; otherwise it was counted.</summary>
    public bool IsFirst(AuditNote note)
    {
        var kind = note with
        {
            Phase = AuditPhase.Refused,
            Target = null,
            RequestId = null,
            Outcome = note.Outcome ?? "asked",
        };
        lock (_lock)
        {
            if (_repeats.TryGetValue(kind, out var before))
            {
                _repeats[kind] = before + 1;
                return false;
            }

            if (kind.Actor.Kind == AuditActorKind.Anonymous && ++_strangers > MostStrangers)
            {
                var others = kind with { Operation = "various", Address = null, Outcome = "refused" };
                _repeats[others] = _repeats.GetValueOrDefault(others) + 1;
                return false;
            }

            _repeats[kind] = 0;
            return true;
        }
    }

    /// <summary>Writes what was counted and begins a new minute.</summary>
    public async Task FlushAsync(CancellationToken ct)
    {
        Dictionary<AuditNote, int> counted;
        lock (_lock)
        {
            (counted, _repeats, _strangers) = (_repeats, [], 0);
        }

        var notes = counted.Where(kind => kind.Value > 0).Select(kind => kind.Key with { Repeats = kind.Value })
            .ToArray();
        if (notes.Length > 0)
        {
            await trail.WriteAsync(ct, notes);
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await TryFlushAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Window, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await TryFlushAsync(stoppingToken);
        }
    }

    private async Task TryFlushAsync(CancellationToken ct)
    {
        try
        {
            await FlushAsync(ct);
        }
        catch (NpgsqlException away)
        {
            // Repeats of refusals only: the first of each kind was written when it came.
            LogLost(away);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The repeats of a minute's refusals could not be written")]
    private partial void LogLost(Exception away);
}
