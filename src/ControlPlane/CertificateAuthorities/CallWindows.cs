namespace ControlPlane.CertificateAuthorities;

/// <summary>How many calls a CA takes: two rolling windows, both of which hold.</summary>
/// <param name="ShortSeconds">The one that stops bursts.</param>
/// <param name="ShortLimit">Calls in it.</param>
/// <param name="LongSeconds">The one that sets the pace.</param>
/// <param name="LongLimit">Calls in it.</param>
internal sealed record CallWindows(int ShortSeconds, int ShortLimit, int LongSeconds, int LongLimit)
{
    /// <summary>CertCentral answers 429 above 100 calls in 5 s or 1000 in 3 min, per key. 5 % under that, because it
    /// counts arrivals, not departures.</summary>
    public static CallWindows CertCentral { get; } = new(5, 95, 180, 950);
}
