using ControlPlane.CertificateAuthorities;

namespace ControlPlane.Forecasts.Replaying;

/// <summary>Grants calls as <see cref="CallBudget"/> does, by the same windows, slots and share, without its
/// database.</summary>
internal sealed class PaperBudget(CallWindows windows)
{
    private readonly int _short = CallBudget.InSlots(windows.ShortSeconds);
    private readonly int[] _granted = new int[CallBudget.InSlots(windows.LongSeconds)];
    private long _slot;
    private int _inShort;
    private int _inLong;

    /// <summary>How soon it is worth asking again after a refusal.</summary>
    public static TimeSpan Pause => TimeSpan.FromSeconds(1.0 / CallBudget.SlotsPerSecond);

    /// <summary>Grants one call now, or refuses it.</summary>
    /// <param name="now">Not before any earlier one.</param>
    /// <param name="priority">Renewals stop at their share of a window.</param>
    public bool TryTake(DateTimeOffset now, CallPriority priority)
    {
        RollTo(now.Ticks / Pause.Ticks);
        var share = priority == CallPriority.New ? 1.0 : CallBudget.RenewalShare;
        if (_inShort >= Math.Floor(windows.ShortLimit * share) || _inLong >= Math.Floor(windows.LongLimit * share))
        {
            return false;
        }

        _granted[_slot % _granted.Length]++;
        _inShort++;
        _inLong++;
        return true;
    }

    private void RollTo(long slot)
    {
        if (slot - _slot >= _granted.Length)
        {
            Array.Clear(_granted);
            (_slot, _inShort, _inLong) = (slot, 0, 0);
        }

        for (; _slot < slot; _slot++)
        {
            var next = _slot + 1;
            _inShort -= _granted[(next + _granted.Length - _short) % _granted.Length];
            _inLong -= _granted[next % _granted.Length];
            _granted[next % _granted.Length] = 0;
        }
    }
}
