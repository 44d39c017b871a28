using ControlPlane.CertificateAuthorities;

namespace ControlPlane.Forecasts.Replaying;

/// <summary>Every call that left, as the CA counts them.</summary>
internal sealed class CallLog(CallWindows windows)
{
    private readonly RollingCount _short = new(TimeSpan.FromSeconds(windows.ShortSeconds));
    private readonly RollingCount _long = new(TimeSpan.FromSeconds(windows.LongSeconds));
    private readonly RollingCount _minute = new(TimeSpan.FromMinutes(1));
    private RollingCount? _renewing;

    public long Calls { get; private set; }

    /// <summary>Calls that came when a window was full: 0, or the budget is broken.</summary>
    public long Over { get; private set; }

    /// <summary>In the fullest minute, wherever it begins.</summary>
    public int PeakPerMinute => _minute.Most;

    /// <summary>The same from <see cref="EveryoneIsServed"/> on: without the first orders.</summary>
    public int PeakPerMinuteRenewing => _renewing?.Most ?? 0;

    public void Add(DateTimeOffset at)
    {
        Calls++;
        // Both are counted: no short circuit.
        Over += _short.Add(at) > windows.ShortLimit | _long.Add(at) > windows.LongLimit ? 1 : 0;
        _minute.Add(at);
        _renewing?.Add(at);
    }

    public void EveryoneIsServed() => _renewing ??= new RollingCount(TimeSpan.FromMinutes(1));
}
