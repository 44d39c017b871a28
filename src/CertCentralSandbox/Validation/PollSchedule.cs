namespace CertCentralSandbox.Validation;

/// <summary>
/// DigiCert's own polling, counted from the moment of ordering (documented): every minute for 15 min, every 5 min until
/// 1 h, every 15 min until 1 day, every hour until 10 days, then never. check-dcv neither resets nor restarts it.
/// </summary>
internal static class PollSchedule
{
    private static readonly (TimeSpan Until, TimeSpan Every)[] Stretches =
    [
        (TimeSpan.FromMinutes(15), TimeSpan.FromMinutes(1)),
        (TimeSpan.FromHours(1), TimeSpan.FromMinutes(5)),
        (TimeSpan.FromDays(1), TimeSpan.FromMinutes(15)),
        (TimeSpan.FromDays(10), TimeSpan.FromHours(1)),
    ];

    /// <summary>The first poll strictly after <paramref name="now"/>, or null when polling has ended.</summary>
    public static DateTimeOffset? Next(DateTimeOffset started, DateTimeOffset now)
    {
        var age = now < started ? TimeSpan.Zero : now - started;
        foreach (var (until, every) in Stretches)
        {
            if (age < until)
            {
                return started + every * (age.Ticks / every.Ticks + 1);
            }
        }

        return null;
    }
}
