using ControlPlane.Contracts;

namespace SyncAgent.Syncing;

/// <summary>What the agent is alarmed about now. Each is told once when it begins or changes, not at every
/// poll.</summary>
internal sealed partial class Alarms(ILogger<Alarms> log)
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, string> _active = new(StringComparer.Ordinal);

    /// <summary>Called when an alarm begins, changes or ends.</summary>
    public Action? Changed { get; set; }

    public IReadOnlyList<NodeAlarm> Active
    {
        get
        {
            lock (_lock)
            {
                return [.. _active.Select(alarm => new NodeAlarm(alarm.Key, alarm.Value))];
            }
        }
    }

    public bool Has(string code)
    {
        lock (_lock)
        {
            return _active.ContainsKey(code);
        }
    }

    /// <param name="code">One of <see cref="NodeAlarmCodes"/>.</param>
    /// <param name="detail">The same words for the same state of things: other words are told again.</param>
    public void Raise(string code, string detail)
    {
        lock (_lock)
        {
            if (_active.GetValueOrDefault(code) == detail)
            {
                return;
            }

            _active[code] = detail;
        }

        LogRaised(code, detail);
        Changed?.Invoke();
    }

    public void Clear(string code)
    {
        lock (_lock)
        {
            if (!_active.Remove(code))
            {
                return;
            }
        }

        LogCleared(code);
        Changed?.Invoke();
    }

    [LoggerMessage(LogLevel.Critical, "ALARM {Code}: {Detail}")]
    private partial void LogRaised(string code, string detail);

    [LoggerMessage(LogLevel.Information, "The alarm {Code} is over")]
    private partial void LogCleared(string code);
}
