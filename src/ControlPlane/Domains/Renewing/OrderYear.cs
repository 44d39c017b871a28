namespace ControlPlane.Domains.Renewing;

/// <summary>
/// One payment covers a year, and several certificates within it: reissues, which cost nothing. The last of a year ends
/// with it, however short it is. Certificates cut to less than their life come due early, and in a fleet that was
/// bought at once all in the same weeks: if half a life were enough, names of 47 days would have a twentieth more of
/// each year, and some days nearly twice the renewals of the average one.
/// </summary>
internal static class OrderYear
{
    /// <summary>A certificate of as many days is worth having, also where 199 could be had.</summary>
    private static readonly TimeSpan LongEnough = TimeSpan.FromDays(90);

    /// <summary>Whether a reissue will do; if not, a new order is bought.</summary>
    /// <param name="ends">Up to when the order at the CA covers certificates.</param>
    /// <param name="lifetime">Of a certificate that is not cut.</param>
    /// <param name="now">When it would be issued.</param>
    public static bool CoversAnother(DateTimeOffset ends, TimeSpan lifetime, DateTimeOffset now) =>
        ends - now >= (lifetime < LongEnough ? lifetime : LongEnough);
}
