namespace ControlPlane.Domains.Running;

/// <summary>
/// How long an order waits, as literals. A surprise uses <see cref="AfterSurprise"/> up and then fails; a snooze walks
/// its list and stays at the last entry. Elapsed time stands beside each entry.
/// </summary>
internal static class RetrySchedules
{
    /// <summary>After an exception. Most surprises are a bad minute of ours, so the first entries are short; a poisoned
    /// order soon costs a few attempts a day, and ends after three days, loudly.</summary>
    public static readonly IReadOnlyList<TimeSpan> AfterSurprise =
    [
        Seconds(2), // 2 s
        Seconds(10), // 12 s
        Minutes(1), // 1 min
        Minutes(5), // 6 min
        Minutes(30), // 36 min
        Hours(4), // 4.6 h
        Hours(12), // 16.6 h
        Hours(24), // 1.7 days
        Hours(24), // 2.7 days
    ];

    /// <summary>While the customer's record is missing: often at first, because people test what they have just typed;
    /// then at the pace of DNS caches. <see cref="DnsDeadline"/> ends it.</summary>
    public static readonly IReadOnlyList<TimeSpan> Dns =
    [
        Seconds(1), Seconds(2), Seconds(3), Seconds(5), // 11 s
        Seconds(10), Seconds(10), Seconds(20), // 51 s
        Seconds(30), Seconds(30), Minutes(1), // 3 min
        Minutes(2), Minutes(5), Minutes(5), // 15 min
        Minutes(10), Minutes(15), // from 40 min on, every quarter of an hour
    ];

    /// <summary><see cref="Dns"/> and <see cref="DnsDeadline"/> for readers of the API.</summary>
    public const string DnsInWords =
        "8 within the first minute, 14 within the first quarter of an hour, then one every 10 to 15 minutes, for 7 "
        + "days; after that the domain fails and says what was missing";

    /// <summary>How long a customer may take: a week with two weekends is no excuse, one without is.</summary>
    public static readonly TimeSpan DnsDeadline = TimeSpan.FromDays(7);

    /// <summary>While our calls to the CA are used up: its short window rolls in 5 s, its long one in 3 min.</summary>
    public static readonly IReadOnlyList<TimeSpan> NoBudget = [Seconds(1), Seconds(2), Seconds(5), Seconds(10)];

    /// <summary>While the CA cannot be reached: its maintenance lasts hours, so there is no end to it.</summary>
    public static readonly IReadOnlyList<TimeSpan> CaAway =
        [Seconds(5), Seconds(15), Seconds(30), Minutes(1), Minutes(2), Minutes(5), Minutes(10)];

    /// <summary>After the CA did not find the token. It goes on looking by itself every minute for a quarter of an
    /// hour, so that asking more often than this buys nothing.</summary>
    public static readonly IReadOnlyList<TimeSpan> TokenNotSeen =
        [Seconds(10), Seconds(30), Minutes(1), Minutes(2), Minutes(5), Minutes(15), Minutes(30)];

    /// <summary>While the CA issues. The status poll notices the change for all orders at once; this reads one order in
    /// case the poll does not tell.</summary>
    public static readonly IReadOnlyList<TimeSpan> Issuing =
        [Seconds(15), Minutes(1), Minutes(5), Minutes(10), Minutes(30)];

    /// <summary>While a CA validates or issues that tells of no changes and does not say when to ask again. They decide
    /// within seconds; one that does not is asked ever more seldom.</summary>
    public static readonly IReadOnlyList<TimeSpan> Untold =
        [Seconds(1), Seconds(1), Seconds(2), Seconds(3), Seconds(5), Seconds(10), Seconds(30), Minutes(1), Minutes(5)];

    /// <summary>After a CA did not find the token, where that ends its order. Let's Encrypt takes five such failures
    /// for a name within an hour and then none for a while: four of these come within the first.</summary>
    public static readonly IReadOnlyList<TimeSpan> LookSpent =
        [Minutes(1), Minutes(5), Minutes(15), Minutes(30), Hours(1)];

    /// <summary>After the order of a served certificate's successor has failed, until one comes through. A third of the
    /// certificate's life is left when the first one is opened, so that all of these fit into it many times
    /// over; near its end they are shorter (<see cref="Renewing.FailedRenewal"/>).</summary>
    public static readonly IReadOnlyList<TimeSpan> RenewalFailed =
        [Hours(1), Hours(4), Hours(12), Hours(24)]; // then daily

    /// <summary>While nodes prove or withdraw. Their reports nudge the order; this looks in case a nudge was
    /// lost.</summary>
    public static readonly IReadOnlyList<TimeSpan> Nodes = [Seconds(5), Seconds(15), Seconds(30)];

    /// <summary>While something of our own is away: vault, token store, DNS resolver.</summary>
    public static readonly IReadOnlyList<TimeSpan> OwnPart =
        [Seconds(2), Seconds(5), Seconds(10), Seconds(30), Minutes(1), Minutes(5)];

    /// <summary>The entry for the n-th wait; the last one for all later.</summary>
    public static TimeSpan At(this IReadOnlyList<TimeSpan> schedule, int n) =>
        schedule[Math.Min(n, schedule.Count - 1)];

    private static TimeSpan Seconds(double n) => TimeSpan.FromSeconds(n);

    private static TimeSpan Minutes(double n) => TimeSpan.FromMinutes(n);

    private static TimeSpan Hours(double n) => TimeSpan.FromHours(n);
}
