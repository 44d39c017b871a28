using ControlPlane.CertificateAuthorities;

namespace ControlPlane.Forecasts.Coming;

/// <summary>The hours to come, from what is planned and what is due. A name that is renewed within them comes again
/// two thirds of its certificate's life later.</summary>
internal static class ComingHours
{
    /// <summary>The life of a certificate from 2029-03-15 on.</summary>
    public const int Days = 47;

    private static readonly CallWindows Windows = CallWindows.CertCentral;

    /// <summary>Calls an hour at the pace of the long window, which is counted a second longer than the CA does; the
    /// short one allows more.</summary>
    public static int Budget =>
        (int)(Windows.LongLimit * TimeSpan.FromHours(1).TotalSeconds / (Windows.LongSeconds + 1));

    /// <summary>The part of it that is there for renewals and files; the rest is for customers who wait.</summary>
    public static int RenewalBudget => (int)(Budget * CallBudget.RenewalShare);

    public static DateTimeOffset HourOf(DateTimeOffset moment) =>
        new(moment.UtcDateTime.Date.AddHours(moment.UtcDateTime.Hour), TimeSpan.Zero);

    public static ForecastView Of(DateTimeOffset now, IReadOnlyList<PlannedRenewal> all, OpenWork open)
    {
        var first = HourOf(now);
        var planned = all.Where(one => !one.IsElsewhere).ToList();
        var renewals = Renewals(first, planned, open);
        var hours = new List<ForecastHour>(renewals.Length);
        var waiting = open.Calls + ((long)open.ImportRows * OrderCalls.PerOrder);
        foreach (var (index, due) in renewals.Index())
        {
            var calls = waiting + ((long)due * OrderCalls.PerOrder);
            // While anything is at the CA, the status poll goes on.
            var polls = calls > 0 ? OrderCalls.PollsPerHour : 0;
            var made = Math.Min(calls, RenewalBudget - polls);
            waiting = calls - made;
            hours.Add(new ForecastHour(first.AddHours(index), due, made + polls, waiting));
        }

        return new ForecastView(
            first, Days, OrderCalls.PerOrder, Budget, RenewalBudget, planned.Sum(one => one.Domains),
            all.Where(one => one.IsElsewhere).Sum(one => one.Domains), open.Orders, open.ImportRows,
            hours.Find(hour => hour.CallsWaiting > 0)?.At, hours);
    }

    private static int[] Renewals(DateTimeOffset first, IReadOnlyList<PlannedRenewal> planned, OpenWork open)
    {
        var coming = new Dictionary<int, int>[Days * 24];
        foreach (var one in planned)
        {
            Add(Math.Max(0, (int)(one.Hour - first).TotalHours), one.LifetimeHours, one.Domains);
        }

        // What is not served yet will live as long as most others do.
        var usual = planned.GroupBy(one => one.LifetimeHours)
            .MaxBy(group => group.Sum(one => one.Domains))?.Key ?? int.MaxValue;
        Add(Successor(0, usual), usual, open.Orders + open.ImportRows);
        var renewals = new int[coming.Length];
        for (var hour = 0; hour < coming.Length; hour++)
        {
            foreach (var (lifetime, domains) in coming[hour] ?? [])
            {
                renewals[hour] += domains;
                Add(Successor(hour, lifetime), lifetime, domains);
            }
        }

        return renewals;

        void Add(int hour, int lifetime, int domains)
        {
            if (hour < coming.Length && domains > 0)
            {
                var lives = coming[hour] ??= [];
                lives[lifetime] = lives.GetValueOrDefault(lifetime) + domains;
            }
        }
    }

    private static int Successor(int hour, int lifetime) =>
        (int)Math.Min(int.MaxValue, hour + Math.Max(1, lifetime * 2L / 3));
}
