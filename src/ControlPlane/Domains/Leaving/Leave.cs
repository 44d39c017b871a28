using System.Globalization;

namespace ControlPlane.Domains.Leaving;

/// <summary>When a name that leads elsewhere has left. Both bounds must be passed: a week, because a move is often
/// undone after a weekend, and seven looks, so that a watch that was down for a week decides nothing.</summary>
internal static class Leave
{
    /// <summary>Leading elsewhere for less than this is an excursion.</summary>
    public static readonly TimeSpan After = TimeSpan.FromDays(7);

    /// <summary>So many looks in a row must have found it elsewhere.</summary>
    public const int AfterLooks = 7;

    /// <summary>Between looks at a name that leads here: a certificate has weeks left when its renewal
    /// begins.</summary>
    public static readonly TimeSpan BetweenLooks = TimeSpan.FromDays(1);

    /// <summary>Between looks at one that leads elsewhere: fourteen within the week, and a return is seen the same
    /// day.</summary>
    public static readonly TimeSpan BetweenLooksAway = TimeSpan.FromHours(12);

    /// <summary>After a look that could not be made, or while an order of the name is under way.</summary>
    public static readonly TimeSpan Later = TimeSpan.FromHours(1);

    /// <summary>Whether a look that fails now, as the <paramref name="looks"/>th in a row, is the one.</summary>
    public static bool IsFinal(DateTimeOffset awaySince, int looks, DateTimeOffset now) =>
        looks >= AfterLooks && now - awaySince >= After;

    /// <summary>The particulars, for a person.</summary>
    public static string Sentence(Domain domain)
    {
        var since = Day(domain.DnsAwaySince!.Value);
        return domain.RenewalsStoppedAt is { } stopped
            ? $"{domain.Hostname} has led elsewhere since {since}; it is not renewed since {Day(stopped)}."
            : $"{domain.Hostname} has led elsewhere since {since}; from {Day(domain.DnsAwaySince.Value + After)} on it "
                + "is not renewed.";
    }

    public static string Day(DateTimeOffset at) =>
        at.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}

/// <summary>Whether an active name still leads here.</summary>
/// <param name="AwaySince">The first of the looks in a row that found it leading elsewhere; null while it leads
/// here.</param>
/// <param name="FailedLooks">How many looks in that row.</param>
/// <param name="RenewalsStoppedAt">Since when it is not renewed any more; null while it is.</param>
/// <param name="NextLookAt">When it is looked at next; null when that is not planned.</param>
internal sealed record DnsWatchView(
    DateTimeOffset? AwaySince, int FailedLooks, DateTimeOffset? RenewalsStoppedAt, DateTimeOffset? NextLookAt);
