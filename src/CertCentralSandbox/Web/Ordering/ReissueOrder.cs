using CertCentralSandbox.Faults;
using CertCentralSandbox.Issuing;
using CertCentralSandbox.Orders;
using CertCentralSandbox.Time;
using CertCentralSandbox.Validation;

namespace CertCentralSandbox.Web.Ordering;

/// <summary>
/// POST and GET of reissue and duplicate: the same order, a further certificate, and control validated anew, because DV
/// validation is never reused. One certificate may be awaited at a time.
/// </summary>
internal sealed class ReissueOrder(
    OrderBook book, CertificateFiles files, FaultBoard faults, SandboxClock clock, TimeProvider wall)
{
    public static void Map(IEndpointRouteBuilder orders)
    {
        orders.MapPost("/{id}/reissue", (string id, Form body, ReissueOrder use, HttpContext http) =>
            use.Ask(id, RequestType.Reissue, body, http));
        orders.MapGet("/{id}/reissue", (string id, ReissueOrder use) => use.List(id, RequestType.Reissue));
        orders.MapPost("/{id}/duplicate", (string id, Form body, ReissueOrder use, HttpContext http) =>
            use.Ask(id, RequestType.Duplicate, body, http));
        orders.MapGet("/{id}/duplicate", (string id, ReissueOrder use) => use.List(id, RequestType.Duplicate));
    }

    private IResult Ask(string id, string purpose, Form body, HttpContext http)
    {
        if (book.Find(id) is not { } order)
        {
            return ApiError.NotFound("order");
        }

        var now = wall.GetUtcNow();
        var method = body.Text("dcv_method") ?? DcvMethod.Http;
        if (!DcvMethod.All.Contains(method))
        {
            return ApiError.Invalid("invalid_dcv_method", $"DV orders do not take {method}."); // code invented
        }

        var (ask, error) =
            CertificateAsk.Read(body, Product.Find(order.ProductId)!, method, now, order.DateValidTill, faults);
        if (ask is null)
        {
            return error!;
        }

        var certificate = ask.ToCertificate(book.NextCertificateId(), purpose, now);
        var status = body.Flag("skip_approval") ? RequestStatus.Approved : RequestStatus.Pending;
        var request =
            new OrderRequest(book.NextRequestId(), purpose, status, now, body.Text("comments"), certificate.Id);
        if (book.TryChange(order.Id, o => Refuse(o, now), o =>
            o.Ask(certificate, request, RandomValue.Open(method, clock.Now), now)) is { } refusal)
        {
            return refusal;
        }

        http.MarkCommitted(ask.Names);
        return Json.Ok(OrderView.Placed(book.Find(order.Id)!, request, certificate, files), 201);
    }

    /// <summary>Codes invented: DigiCert's list of them is not known beyond "csr…".</summary>
    private static ApiError? Refuse(CertificateOrder order, DateTimeOffset now) =>
        order.Status is not (OrderStatus.Issued or OrderStatus.ReissuePending)
            ? ApiError.Invalid("order_not_issued", $"The order is {order.Status}.")
            : order.Awaited is not null
                ? ApiError.Invalid("order_has_pending_request", "Another certificate of the order is awaited.")
                : order.DateValidTill <= now
                    ? ApiError.Invalid("order_expired", "The order's coverage has ended.")
                    : null;

    private IResult List(string id, string purpose) =>
        book.Find(id) is { } order
            ? Json.Ok(new
            {
                Certificates = order.Certificates.Where(c => c.Purpose == purpose).Select(OrderView.Certificate),
            })
            : ApiError.NotFound("order");
}
