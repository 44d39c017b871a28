namespace ControlPlane.Nodes.Withdrawals;

/// <summary>A withdrawal that waits to be published.</summary>
internal sealed record AskedWithdrawal(Guid Domain, string Hostname, DateTimeOffset At);

/// <summary>
/// How many names a fleet may lose within any rolling hour without an admin's word. The agents count by the same rule
/// (their WithdrawalBreaker): by the time of withdrawal, approved ones not at all, and a name that another domain has
/// taken over not either, because it is not lost. What is held here never reaches them; what passes here, passes there.
/// </summary>
internal static class WithdrawalAllowance
{
    /// <summary>A small fleet may still lose this many.</summary>
    private const int Always = 20;

    public static readonly TimeSpan Window = TimeSpan.FromHours(1);

    /// <summary>5 % of the names that are served.</summary>
    public static int Of(long served) => (int)Math.Max(Always, served / 20);

    /// <summary>Which withdrawals to hold.</summary>
    /// <param name="published">Times of those that were published without an approval, at least of the window before
    /// the first that is asked for.</param>
    /// <param name="asked">Those that wait.</param>
    /// <param name="allowed">How many may go within the window.</param>
    public static IReadOnlySet<Guid> Held(
        IEnumerable<DateTimeOffset> published, IEnumerable<AskedWithdrawal> asked, int allowed)
    {
        var gone = new Queue<DateTimeOffset>(published.Order());
        var recent = new Queue<DateTimeOffset>();
        var held = new HashSet<Guid>();
        foreach (var withdrawal in asked.OrderBy(one => one.At).ThenBy(one => one.Hostname, StringComparer.Ordinal))
        {
            while (gone.TryPeek(out var next) && next <= withdrawal.At)
            {
                recent.Enqueue(gone.Dequeue());
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
                held.Add(withdrawal.Domain);
            }
        }

        return held;
    }
}
