using CertCentralSandbox.Orders;

namespace CertCentralSandbox.Web.Ordering;

/// <summary>A change that may be refused: decided and made under the order's own lock.</summary>
internal static class OrderChange
{
    public static ApiError? TryChange(
        this OrderBook book,
        long id,
        Func<CertificateOrder, ApiError?> refuse,
        Func<CertificateOrder, CertificateOrder> move)
    {
        ApiError? refusal = null;
        book.Change(id, order => (refusal = refuse(order)) is null ? move(order) : order);
        return refusal;
    }
}
