using CertCentralSandbox.Faults;
using CertCentralSandbox.Orders;

namespace CertCentralSandbox.Web.Ordering;

/// <summary>Cancel, revoke, and the approvals both may need.</summary>
internal static class EndRoutes
{
    private static readonly string[] Reasons =
        ["unspecified", "keyCompromise", "affiliationChanged", "superseded", "cessationOfOperation"];

    private static readonly object Requester =
        new { Id = 1001, FirstName = "Api", LastName = "User", Email = "api@example.test" };

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapPut("/order/certificate/{id}/status", Cancel);
        api.MapPut("/order/certificate/{id}/revoke", RevokeOrder);
        api.MapPut("/certificate/{id}/revoke", RevokeCertificate);
        api.MapGet("/request", List);
        api.MapGet("/request/{requestId:long}", One);
        api.MapPut("/request/{requestId:long}/status", Decide);
    }

    /// <summary>Only from pending, needs_approval or reissue_pending; what is issued can only be revoked.</summary>
    private static IResult Cancel(string id, Form body, OrderBook book, TimeProvider wall, HttpContext http)
    {
        if (book.Find(id) is not { } order)
        {
            return ApiError.NotFound("order");
        }

        if (body.Text("status")?.ToLowerInvariant() != OrderStatus.Canceled || string.IsNullOrEmpty(body.Text("note")))
        {
            return ApiError.Invalid("invalid_status", "status must be canceled, and a note is required.");
        }

        var refusal = book.TryChange(
            order.Id,
            o => o.Status is OrderStatus.Pending or OrderStatus.NeedsApproval or OrderStatus.ReissuePending
                ? null
                : ApiError.Invalid("order_cannot_be_canceled", $"The order is {o.Status}."), // code invented
            o => o.Cancel(wall.GetUtcNow()));
        return refusal ?? Done(http, order);
    }

    private static IResult RevokeOrder(
        string id, Form body, OrderBook book, FaultBoard faults, TimeProvider wall, HttpContext http) =>
        book.Find(id) is { } order
            ? Revoke(order, null, body, book, faults, wall, http)
            : ApiError.NotFound("order");

    private static IResult RevokeCertificate(
        string id, Form body, OrderBook book, FaultBoard faults, TimeProvider wall, HttpContext http) =>
        book.FindCertificate(id) is var (order, certificate)
            ? Revoke(order, certificate.Id, body, book, faults, wall, http)
            : ApiError.NotFound("certificate");

    private static IResult Revoke(
        CertificateOrder order, long? certificateId, Form body, OrderBook book, FaultBoard faults, TimeProvider wall,
        HttpContext http)
    {
        var reason = body.Text("revocation_reason") ?? "unspecified";
        if (!Reasons.Contains(reason))
        {
            return ApiError.Invalid("invalid_revocation_reason", $"There is no reason {reason}."); // code invented
        }

        var now = wall.GetUtcNow();
        var skips = body.Flag("skip_approval")
            && !faults.Fires(Fault.RevocationsNeedApproval, order.Primary.DnsNames);
        var request = skips
            ? null
            : new OrderRequest(
                book.NextRequestId(), RequestType.Revoke, RequestStatus.Pending, now, body.Text("comments"),
                certificateId, reason);
        var refusal = book.TryChange(
            order.Id,
            o => RefuseRevocation(o, certificateId),
            o => request is null
                ? o.Revoke(certificateId, reason, now)
                : o with { Requests = [.. o.Requests, request] });
        return refusal
            ?? (request is null ? Done(http, order) : Json.Ok(View(order.Id, request), Marked(http, order, 201)));
    }

    private static ApiError? RefuseRevocation(CertificateOrder order, long? certificateId)
    {
        var one = order.Certificates.FirstOrDefault(c => c.Id == certificateId);
        return order.Status == OrderStatus.Revoked || one?.DateRevoked is not null
            ? ApiError.Invalid("order_already_revoked", "It has been revoked already.")
            : order.Awaited?.Purpose == RequestType.Reissue
                ? ApiError.Invalid("pending_reissue", "Cancel the pending reissue first.") // code invented
                : order.Active is null || one is { Issued: null }
                    ? ApiError.Invalid("certificate_not_issued", "Nothing has been issued.") // code invented
                    : null;
    }

    private static IResult List(OrderBook book, string? status) => Json.Ok(new
    {
        Requests = book.All.SelectMany(o => o.Requests.Select(r => (o.Id, Request: r)))
            .Where(r => status is null || r.Request.Status == status)
            .OrderBy(r => r.Request.Id)
            .Select(r => View(r.Id, r.Request)),
    });

    private static IResult One(long requestId, OrderBook book) =>
        Find(book, requestId) is var (order, request) ? Json.Ok(View(order.Id, request)) : ApiError.NotFound("request");

    private static IResult Decide(
        long requestId, Form body, OrderBook book, TimeProvider wall, Time.SandboxClock clock, HttpContext http)
    {
        if (Find(book, requestId) is not var (order, _))
        {
            return ApiError.NotFound("request");
        }

        var decision = body.Text("status");
        if (decision is not (RequestStatus.Approved or RequestStatus.Rejected))
        {
            return ApiError.Invalid("invalid_status", "status must be approved or rejected."); // code invented
        }

        var refusal = book.TryChange(
            order.Id,
            o => o.Requests.Single(r => r.Id == requestId).Status == RequestStatus.Pending
                ? null
                : ApiError.Invalid("invalid_status", "The request has been answered."), // code invented
            o => o.Decide(requestId, decision, wall.GetUtcNow(), clock.Now));
        return refusal ?? Done(http, order);
    }

    private static (CertificateOrder Order, OrderRequest Request)? Find(OrderBook book, long id)
    {
        foreach (var order in book.All)
        {
            if (order.Requests.FirstOrDefault(r => r.Id == id) is { } request)
            {
                return (order, request);
            }
        }

        return null;
    }

    private static object View(long orderId, OrderRequest r) =>
        new { r.Id, r.Date, r.Type, r.Status, Requester, r.Comments, Order = new { Id = orderId } };

    private static IResult Done(HttpContext http, CertificateOrder order)
    {
        Marked(http, order, 204);
        return Results.NoContent();
    }

    private static int Marked(HttpContext http, CertificateOrder order, int status)
    {
        http.MarkCommitted(order.Primary.DnsNames);
        return status;
    }
}
