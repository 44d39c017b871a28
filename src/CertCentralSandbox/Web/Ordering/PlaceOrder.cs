using CertCentralSandbox.Faults;
using CertCentralSandbox.Issuing;
using CertCentralSandbox.Orders;
using CertCentralSandbox.Time;
using CertCentralSandbox.Validation;

namespace CertCentralSandbox.Web.Ordering;

/// <summary>POST /order/certificate/{product}: kept before it is answered, and never idempotent.</summary>
internal sealed class PlaceOrder(
    OrderBook book,
    ControlCheck check,
    Signing signing,
    CertificateFiles files,
    Account account,
    FaultBoard faults,
    SandboxClock clock,
    TimeProvider wall)
{
    private const int DefaultYears = 1;

    public static Task<IResult> HandleAsync(string product, Form body, PlaceOrder use, HttpContext http) =>
        use.RunAsync(product, body, http);

    private async Task<IResult> RunAsync(string productId, Form body, HttpContext http)
    {
        if (productId == "ssl")
        {
            return ApiError.Invalid("ambiguous_product", "The product cannot be told from the request.");
        }

        if (Product.Find(productId) is not { } product)
        {
            return ApiError.NotFound("product");
        }

        var now = wall.GetUtcNow();
        var validity = body.Object("order_validity") ?? Legacy(body);
        if ((validity is null ? null : CertificateAsk.DaysOf(validity, now)) is not { } days)
        {
            return ApiError.Invalid("invalid_order_validity", "order_validity is required."); // code invented
        }

        var method = body.Text("dcv_method") ?? DcvMethod.Email;
        if (!DcvMethod.All.Contains(method))
        {
            return ApiError.Invalid("invalid_dcv_method", $"DV orders do not take {method}."); // code invented
        }

        var ends = now.AddDays(days);
        var (ask, error) = CertificateAsk.Read(body, product, method, now, ends, faults);
        if (ask is null)
        {
            return error!;
        }

        var renewed = body.Number("renewal_of_order_id") ?? 0;
        if (renewed != 0 && WhyNotRenewable(renewed, now) is { } refusal)
        {
            return refusal;
        }

        var immediate = body.Flag("use_auth_key") || product.NeedsAuthKey;
        if (immediate && account.AuthKey is null)
        {
            return ApiError.Invalid("auth_key_not_setup", "The account has no AuthKey.");
        }

        var order = Keep(body, product, method, ask, now, ends, renewed, http);
        if (immediate && order.Status == OrderStatus.Pending)
        {
            order = await IssueAtOnceAsync(order, account.AuthKey!.Key, http.RequestAborted);
        }

        return Json.Ok(OrderView.Placed(order, order.Requests[^1], order.Primary, files), 201);
    }

    private CertificateOrder Keep(
        Form body, Product product, string method, CertificateAsk ask, DateTimeOffset now, DateTimeOffset ends,
        long renewed, HttpContext http)
    {
        var approved = body.Flag("skip_approval");
        CertificateOrder Create()
        {
            var certificate = ask.ToCertificate(book.NextCertificateId(), RequestType.New, now);
            return new CertificateOrder
            {
                Id = book.NextOrderId(),
                ProductId = product.NameId,
                Status = approved ? OrderStatus.Pending : OrderStatus.NeedsApproval,
                DateStatusChanged = now,
                DateCreated = now,
                DateValidTill = ends,
                Terms = Terms(body, renewed, (int)Math.Round((ends - now).TotalDays / 365)),
                Certificates = [certificate],
                Requests =
                [
                    new OrderRequest(
                        book.NextRequestId(),
                        RequestType.New,
                        approved ? RequestStatus.Approved : RequestStatus.Pending,
                        now,
                        body.Text("comments"),
                        certificate.Id),
                ],
                Validation = RandomValue.Open(method, clock.Now),
            };
        }

        var order = Create();
        book.Add(order);
        http.MarkCommitted(ask.Names);
        if (renewed != 0)
        {
            book.Change(renewed, o => o with { RenewedByOrderId = order.Id });
        }

        if (faults.Fires(Fault.DuplicateAlternativeIds, ask.Names))
        {
            book.Add(Create());
        }

        return order;
    }

    /// <summary>The codes are those that other clients meet; when exactly they come is not documented.</summary>
    private ApiError? WhyNotRenewable(long renewed, DateTimeOffset now) => book.Find(renewed) switch
    {
        not { Active: not null, IsLive: true } =>
            ApiError.Invalid("order_not_renewable", "The order to renew does not exist, never issued or is over."),
        { RenewedByOrderId: not 0 } before when book.Find(before.RenewedByOrderId) is { IsLive: true } =>
            ApiError.Invalid("order_renewed_already", "The order to renew has a successor."),
        { } before when before.DateValidTill <= now =>
            ApiError.Invalid("cannot_renew_expired_order", "The order to renew has expired."),
        _ => null,
    };

    private static OrderTerms Terms(Form body, long renewed, int years) => new()
    {
        AlternativeOrderId = body.Text("alternative_order_id"),
        Comments = body.Text("comments"),
        PaymentMethod = body.Text("payment_method") ?? "balance",
        DisableRenewalNotifications = body.Flag("disable_renewal_notifications"),
        DisableCt = body.Flag("disable_ct"),
        AutoRenew = (int)(body.Number("auto_renew") ?? 0),
        AutoReissue = (int)(body.Number("auto_reissue") ?? 0),
        ValidityYears = int.Max(years, DefaultYears),
        RenewalOfOrderId = renewed,
        ContainerId = (int?)body.Object("container")?.Number("id") ?? 5,
    };

    /// <summary>Immediate issuance: the customer made the token from the AuthKey and published it before ordering.
    /// When it is not there, the order goes on as any other, with its random value.</summary>
    private async Task<CertificateOrder> IssueAtOnceAsync(
        CertificateOrder order, string authKey, CancellationToken cancellation)
    {
        var csr = order.Awaited!.CsrPem;
        var now = wall.GetUtcNow();
        var seen = await Task.WhenAll(order.Awaited.DnsNames.Select(n =>
            check.CorroborateAsync(n, file => RequestToken.Accepts(file, authKey, csr, now), cancellation)));
        if (!Array.TrueForAll(seen, s => s))
        {
            return order;
        }

        book.Change(order.Id, o => o.Validation is { IssueAt: null } v
            ? o with { Validation = v with { Approved = o.Awaited!.DnsNames, IssueAt = clock.Now } }
            : o);
        return signing.IssueIfDue(order.Id);
    }

    private static Form? Legacy(Form body) =>
        body.Has("validity_years") || body.Has("validity_days") || body.Has("custom_expiration_date")
            ? body.Renamed(("validity_years", "years"), ("validity_days", "days"))
            : null;
}
