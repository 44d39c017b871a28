using System.Globalization;
using System.Numerics;

namespace ControlPlane.CertificateAuthorities.CertCentral;

/// <summary>
/// Finds the orders of certificates that were bought by hand, by serial and name. The list takes many serials at once
/// and its rows show no serial: a row counts as it is where its name and last day are the certificate's and no other
/// row has that name; else its order is read and the serial compared.
/// </summary>
internal sealed class IssuedOrders(ICertCentralApi api)
{
    /// <summary>Serials in one question: its address stays below 4 kB, which every proxy lets through.</summary>
    private const int Together = 50;

    public async Task<IReadOnlyDictionary<string, CaOrder>> FindAsync(
        IReadOnlyList<IssuedEarlier> certificates, CancellationToken ct)
    {
        var found = new Dictionary<string, CaOrder>(StringComparer.Ordinal);
        foreach (var some in certificates.Chunk(Together))
        {
            var query = new OrderQuery { Serials = [.. some.Select(one => one.Serial)] };
            var rows = (await api.ListOrdersAsync(query, ct)).Orders
                .Where(row => row.Id is not null && CertCentralStatus.Read(row.Status) != CaOrderStatus.Closed)
                .ToLookup(row => row.Certificate?.CommonName ?? "", StringComparer.OrdinalIgnoreCase);
            foreach (var one in some)
            {
                if (await PickAsync(one, [.. rows[one.Hostname]], ct) is { } order)
                {
                    found[one.Hostname] = order;
                }
            }
        }

        return found;
    }

    private async Task<CaOrder?> PickAsync(IssuedEarlier one, OrderDetails[] rows, CancellationToken ct)
    {
        if (rows is [{ Certificate: { ValidTill: { } day, Id: { } certificate } } row]
            && day.UtcDateTime.Date == one.NotAfter.UtcDateTime.Date)
        {
            return Told(row, certificate, one.Serial);
        }

        foreach (var candidate in rows)
        {
            var order = await api.GetOrderAsync(candidate.Id!, ct);
            if (IsSame(order.Certificate?.SerialNumber, one.Serial))
            {
                return Told(candidate, order.Certificate!.Id, one.Serial);
            }
        }

        return null;
    }

    private static CaOrder Told(OrderDetails row, string? certificate, string serial) =>
        new(row.Id!, certificate, CertCentralStatus.Read(row.Status), row.Status ?? "", serial);

    /// <summary>As numbers: leading zeros are written by some and left out by others.</summary>
    private static bool IsSame(string? told, string serial) =>
        BigInteger.TryParse("0" + told, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var left)
        && BigInteger.TryParse("0" + serial, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var right)
        && left == right;
}
