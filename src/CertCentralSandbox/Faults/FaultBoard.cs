using System.Diagnostics.CodeAnalysis;

namespace CertCentralSandbox.Faults;

/// <summary>The switches as they stand. Safe for concurrent use; a counted fault fires exactly as often as
/// counted.</summary>
internal sealed class FaultBoard(SandboxOptions options)
{
    private readonly Lock _gate = new();
    private readonly Random _dice = new(options.Seed);
    private readonly Dictionary<Fault, FaultSetting> _now = FaultSwitch.All.ToDictionary(s => s.Fault, s => s.Default);
    private readonly Dictionary<Fault, int> _fired = [];

    /// <summary>Whether the fault happens on this occasion. Uses up one of a counted fault.</summary>
    /// <param name="fault">The fault asked about.</param>
    /// <param name="setting">Its setting, for the numbers in it.</param>
    /// <param name="names">Host names of the order concerned; empty when no order is.</param>
    /// <param name="route">Method and route template, or null outside a call.</param>
    public bool Fires(
        Fault fault,
        [NotNullWhen(true)] out FaultSetting? setting,
        IReadOnlyCollection<string>? names = null,
        string? route = null)
    {
        lock (_gate)
        {
            setting = _now[fault];
            if (!setting.On || setting.Count <= 0 || !Concerns(setting, names ?? [], route)
                || (setting.Probability < 1 && _dice.NextDouble() >= setting.Probability))
            {
                setting = null;
                return false;
            }

            _now[fault] = setting with { Count = setting.Count - 1 };
            _fired[fault] = _fired.GetValueOrDefault(fault) + 1;
            return true;
        }
    }

    public bool Fires(Fault fault, IReadOnlyCollection<string>? names = null, string? route = null) =>
        Fires(fault, out _, names, route);

    public IReadOnlyList<(FaultSwitch Switch, FaultSetting Now, int Fired)> Read()
    {
        lock (_gate)
        {
            return [.. FaultSwitch.All.Select(s => (s, _now[s.Fault], _fired.GetValueOrDefault(s.Fault)))];
        }
    }

    public FaultSetting Default(Fault fault) => FaultSwitch.All.Single(s => s.Fault == fault).Default;

    /// <summary>Sets the named faults; with <paramref name="resetOthers"/> the rest go back to their
    /// defaults.</summary>
    public void Set(IReadOnlyDictionary<Fault, FaultSetting> settings, bool resetOthers)
    {
        lock (_gate)
        {
            foreach (var known in FaultSwitch.All)
            {
                if (settings.TryGetValue(known.Fault, out var setting))
                {
                    _now[known.Fault] = setting;
                }
                else if (resetOthers)
                {
                    _now[known.Fault] = known.Default;
                }
            }
        }
    }

    private static bool Concerns(FaultSetting setting, IReadOnlyCollection<string> names, string? route) =>
        (setting.HostnameSuffix is not { } suffix
            || names.Any(n => n.EndsWith(suffix, StringComparison.OrdinalIgnoreCase)))
        && (setting.Route is not { } part || route?.Contains(part, StringComparison.OrdinalIgnoreCase) is true);
}
