namespace ControlPlane.CertificateAuthorities.Standings;

/// <summary>When orders go to another CA than the chosen one: settings directly below
/// <c>CertificateAuthorities</c>.</summary>
internal sealed record FailoverOptions
{
    public const string Section = "CertificateAuthorities";

    /// <summary>Names of the CAs that may take another one's orders, best first. Empty: none does.</summary>
    public IReadOnlyList<string> Failover { get; init; } = [];

    /// <summary>A CA is down after so many calls without a success between them. 5: one order's own repetitions reach
    /// it within <see cref="FailoverAfter"/>.</summary>
    public int FailoverFailures { get; init; } = 5;

    /// <summary>And when they reach over at least this long. 5 min: most disturbances of a CA are over by then, and a
    /// customer who waits has not left yet.</summary>
    public TimeSpan FailoverAfter { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>A quota that is used up for longer than this is as good as none. 15 min: the windows of call quotas are
    /// shorter, those of order quotas last hours.</summary>
    public TimeSpan FailoverQuotaPatience { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>Orders that may be moved within an hour. 50: enough for customers who wait, few enough that a fault of
    /// our own does not use up another CA's quota.</summary>
    public int FailoversPerHour { get; init; } = 50;

    /// <summary>Orders that may be moved within a day.</summary>
    public int FailoversPerDay { get; init; } = 300;

    /// <summary>All that is wrong with these settings, a sentence each; empty when they can be used.</summary>
    /// <param name="known">The CAs that are configured.</param>
    public IEnumerable<string> Faults(IReadOnlyCollection<string> known)
    {
        foreach (var name in Failover.Where(name => !known.Contains(name)))
        {
            yield return $"{Section}:{nameof(Failover)} names {name}, which is not configured; "
                + $"{string.Join(", ", known)} is.";
        }

        if (FailoverFailures < 1 || FailoversPerHour < 0 || FailoversPerDay < 0)
        {
            yield return $"{Section}: {nameof(FailoverFailures)} must be 1 or more, {nameof(FailoversPerHour)} and "
                + $"{nameof(FailoversPerDay)} 0 or more.";
        }

        if (FailoverAfter < TimeSpan.Zero || FailoverQuotaPatience < TimeSpan.Zero)
        {
            yield return $"{Section}: {nameof(FailoverAfter)} and {nameof(FailoverQuotaPatience)} must not be "
                + "negative.";
        }
    }
}
