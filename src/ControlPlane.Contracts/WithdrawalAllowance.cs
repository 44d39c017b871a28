namespace ControlPlane.Contracts;

/// <summary>A withdrawal of a name that no other domain has taken over, and that nobody approved.</summary>
/// <param name="Domain">The domain's id.</param>
/// <param name="Hostname">Its name.</param>
/// <param name="At">When it was asked for, UTC; not in the future.</param>
public sealed record AskedWithdrawal(Guid Domain, string Hostname, DateTimeOffset At);

/// <summary>
/// How many names may be lost within any rolling hour without an admin's word: a mass deletion, by mistake or by a
/// thief, must not empty a fleet. The control plane holds to it before any node hears, and every agent again, so that
/// what passes there passes here. Counted by the time of withdrawal, so that a node that was away for a day can catch
/// up.
/// </summary>
public static class WithdrawalAllowance
{
    /// <summary>A small fleet may still lose this many.</summary>
    private const int Always = 20;

    /// <summary>One hour.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromHours(1);

    /// <summary>How many may go within <see cref="Window"/>: 5 % of the names, and never fewer than 20.</summary>
    /// <param name="names">Names that are served, or were.</param>
    public static int Of(long names) => (int)Math.Max(Always, names / 20);

    /// <summary>Which withdrawals to hold: the latest of too many.</summary>
    /// <param name="gone">Times of those that have gone without an approval, at least of the window before the first
    /// that is asked for.</param>
    /// <param name="asked">Those that are asked for, in any order.</param>
    /// <param name="allowed">How many may go within the window; see <see cref="Of"/>.</param>
    public static IReadOnlyList<AskedWithdrawal> Held(
        IEnumerable<DateTimeOffset> gone, IEnumerable<AskedWithdrawal> asked, int allowed)
    {
        var earlier = new Queue<DateTimeOffset>(gone.Order());
        var recent = new Queue<DateTimeOffset>();
        var held = new List<AskedWithdrawal>();
        foreach (var withdrawal in asked.OrderBy(one => one.At).ThenBy(one => one.Hostname, StringComparer.Ordinal))
        {
            while (earlier.TryPeek(out var next) && next <= withdrawal.At)
            {
                recent.Enqueue(earlier.Dequeue());
            }

            while (recent.TryPeek(out var oldest) && oldest <= withdrawal.At - Window)
            {
                recent.Dequeue();
            }

            if (recent.Count < allowed)
            {
                recent.Enqueue(withdrawal.At);
            }
            else
            {
                held.Add(withdrawal);
            }
        }

        return held;
    }
}
