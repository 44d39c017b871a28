using ControlPlane.Domains.Renewing;

namespace ControlPlane.Forecasts.Replaying;

/// <summary>A CA that is away at times, and sometimes does not see a token that is there. It gives whole days, as
/// CertCentral does: from midnight (UTC) on, and not beyond the year that an order covers.</summary>
internal sealed class PaperCa(PaperFleet fleet)
{
    /// <summary>What one payment covers.</summary>
    private static readonly TimeSpan Paid = TimeSpan.FromDays(365);

    // Seeded: the same fleet has the same two years, whenever they are replayed.
    private readonly Random _chance = new(fleet.Domains);

    /// <summary>When no call reaches it: from noon on, once a year.</summary>
    public IReadOnlyList<(DateTimeOffset From, DateTimeOffset Until)> Outages { get; } =
        fleet.OutageHours <= 0
            ? []
            : [.. new[] { 182.5, 547.5 }.Select(day => PaperFleet.Start.AddDays(day))
                .Select(from => (from, from.AddHours(fleet.OutageHours)))];

    /// <summary>Orders that cost money: the others were reissues.</summary>
    public int Bought { get; private set; }

    public bool IsAway(DateTimeOffset now)
    {
        foreach (var (from, until) in Outages)
        {
            if (now >= from && now < until)
            {
                return true;
            }
        }

        return false;
    }

    public bool SeesToken() => _chance.NextDouble() >= fleet.FailedLooks;

    public Guid NewId()
    {
        Span<byte> bytes = stackalloc byte[16];
        _chance.NextBytes(bytes);
        return new Guid(bytes);
    }

    /// <summary>Takes an order: a reissue while the year of the one before will do, else one that is bought.</summary>
    public void Take(PaperDomain domain, DateTimeOffset now)
    {
        if (!OrderYear.CoversAnother(domain.OrderEnds, TimeSpan.FromDays(fleet.LifetimeDays), now))
        {
            domain.OrderEnds = now + Paid;
            Bought++;
        }
    }

    /// <summary>The dates of a certificate issued now.</summary>
    public (DateTimeOffset NotBefore, DateTimeOffset NotAfter) Issue(PaperDomain domain, DateTimeOffset now)
    {
        var notBefore = new DateTimeOffset(now.UtcDateTime.Date, TimeSpan.Zero);
        // The last second counts: one more would be a day more.
        var notAfter = notBefore.AddDays(fleet.LifetimeDays).AddSeconds(-1);
        // A year's plan covers a longer certificate whole.
        return (notBefore, notAfter < domain.OrderEnds || fleet.LifetimeDays > 365 ? notAfter : domain.OrderEnds);
    }
}
