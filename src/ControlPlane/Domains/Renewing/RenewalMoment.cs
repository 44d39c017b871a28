using System.Buffers.Binary;
using System.Security.Cryptography;

namespace ControlPlane.Domains.Renewing;

/// <summary>
/// When a certificate gets its successor: at the latest with a third of its life left, and before that on the day on
/// which the fewest others do. Certificates of equal dates so become a level stream with their first renewal, however
/// they came: a wave is flattened once, and for good.
/// </summary>
internal static class RenewalMoment
{
    /// <summary>From here on; earlier would waste what the CA gave.</summary>
    public static DateTimeOffset Earliest(DateTimeOffset notBefore, DateTimeOffset notAfter) =>
        notBefore + ((notAfter - notBefore) / 6);

    /// <summary>A third of its life left: as long as that, all attempts may fail.</summary>
    public static DateTimeOffset Latest(DateTimeOffset notBefore, DateTimeOffset notAfter) =>
        notAfter - ((notAfter - notBefore) / 3);

    /// <summary>Picks the moment for one certificate.</summary>
    /// <param name="domain">Whose it is: the hour of the day is derived from it, so that a day's renewals are spread
    /// over the day, and each domain keeps its hour.</param>
    /// <param name="notBefore">As in the certificate.</param>
    /// <param name="notAfter">As in the certificate.</param>
    /// <param name="now">Nothing is planned for the past.</param>
    /// <param name="planned">How many renewals a day (UTC) has already.</param>
    public static DateTimeOffset Choose(
        Guid domain, DateTimeOffset notBefore, DateTimeOffset notAfter, DateTimeOffset now, Func<DateOnly, int> planned)
    {
        var latest = Latest(notBefore, notAfter);
        var earliest = Earliest(notBefore, notAfter);
        earliest = earliest > now ? earliest : now;
        if (earliest >= latest)
        {
            return now;
        }

        var hour = HourOf(domain);
        DateTimeOffset? best = null;
        var fewest = int.MaxValue;
        // From the last day back, so that of equal days the latest is taken.
        for (var day = latest.UtcDateTime.Date; day >= earliest.UtcDateTime.Date; day = day.AddDays(-1))
        {
            var moment = new DateTimeOffset(day, TimeSpan.Zero) + hour;
            if (moment < earliest || moment > latest)
            {
                continue;
            }

            var load = planned(DateOnly.FromDateTime(day));
            if (load < fewest)
            {
                (best, fewest) = (moment, load);
            }
        }

        // Too short a life for the domain's own hour: anywhere between the two.
        return best ?? earliest + ((latest - earliest) * (hour / TimeSpan.FromDays(1)));
    }

    private static TimeSpan HourOf(Guid domain)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(domain.ToByteArray(), digest);
        return TimeSpan.FromDays(1) * (BinaryPrimitives.ReadUInt32BigEndian(digest) / (double)uint.MaxValue);
    }
}
