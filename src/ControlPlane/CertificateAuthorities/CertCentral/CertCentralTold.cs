using System.Security.Cryptography;

namespace ControlPlane.CertificateAuthorities.CertCentral;

/// <summary>An order as CertCentral shows it, in the words of the path.</summary>
internal static class CertCentralTold
{
    public static CaOrder Told(this OrderDetails order, string caOrderId) => new(
        caOrderId, order.Certificate?.Id, CertCentralStatus.Read(order.Status), order.Status ?? "",
        order.Certificate?.SerialNumber)
    {
        ValidUntil = order.OrderValidTill,
        Csr = Der(order.Certificate?.Csr),
        RequestIds = [.. order.Requests.Select(request => request.Id).OfType<string>()],
        Reissues = order.ReissuesCount,
    };

    /// <summary>Null for what is no PEM: nobody promises that it is shown.</summary>
    private static byte[]? Der(string? pem)
    {
        try
        {
            return pem is not null && PemEncoding.TryFind(pem, out var found)
                ? Convert.FromBase64String(pem[found.Base64Data])
                : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
