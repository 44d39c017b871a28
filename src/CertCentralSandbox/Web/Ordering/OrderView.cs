using CertCentralSandbox.Faults;
using CertCentralSandbox.Issuing;
using CertCentralSandbox.Orders;
using CertCentralSandbox.Validation;

namespace CertCentralSandbox.Web.Ordering;

/// <summary>Orders as the API shows them.</summary>
internal sealed class OrderView(FaultBoard faults, TimeProvider wall)
{
    private static readonly object User =
        new { Id = 1001, FirstName = "Api", LastName = "User", Email = "api@example.test" };

    /// <summary>The status a client is told, which a fault may make one it has never heard of.</summary>
    public string Status(CertificateOrder order) =>
        faults.Fires(Fault.UnknownStatus, out var unknown, order.Primary.DnsNames)
            ? unknown.Text ?? "awaiting_review"
            : order.Status;

    /// <summary>The answer to POST order, reissue and duplicate.</summary>
    public static object Placed(
        CertificateOrder order, OrderRequest request, OrderedCertificate certificate, CertificateFiles files) => new
        {
            order.Id,
            Requests = new[] { new { request.Id, request.Status } },
            CertificateId = certificate.Id,
            DcvRandomValue = order.Validation is { } v && DcvMethod.HasRandomValue(v.Method) ? v.RandomValue : null,
            CertificateChain = certificate.Issued is null ? null : files.Chain(order, certificate),
        };

    public object Full(CertificateOrder order)
    {
        var product = Product.Find(order.ProductId)!;
        return new
        {
            order.Id,
            Certificate = CertificateIn(order, order.Primary),
            Status = Status(order),
            IsRenewal = order.Terms.RenewalOfOrderId != 0,
            RenewalOfOrderId = order.Terms.RenewalOfOrderId == 0 ? (long?)null : order.Terms.RenewalOfOrderId,
            IsRenewed = order.RenewedByOrderId != 0,
            RenewedOrderId = order.RenewedByOrderId,
            order.DateCreated,
            OrderValidTill = Json.Day(order.DateValidTill),
            order.Terms.ValidityYears,
            IsMultiYearPlan = order.Terms.ValidityYears > 1 ? "1" : "0",
            order.Terms.DisableRenewalNotifications,
            order.Terms.AutoRenew,
            order.Terms.AutoReissue,
            Container = Container(order),
            Product = ProductIn(product),
            ProductNameId = product.NameId,
            TechnicalContact = new { },
            User,
            Requests = order.Requests.Select(r => new { r.Id, r.Date, r.Type, r.Status, r.Comments }),
            ReceiptId = order.Id - 609_900_000,
            PublicId = $"SANDBOX{order.Id}",
            AllowDuplicates = true,
            DuplicatesCount = Count(order, RequestType.Duplicate),
            ReissuesCount = Count(order, RequestType.Reissue),
            HasDuplicates = Count(order, RequestType.Duplicate) > 0,
            HasReissues = Count(order, RequestType.Reissue) > 0,
            HasPendingRequest = order.Requests.Any(r => r.Status == RequestStatus.Pending),
            order.Terms.PaymentMethod,
            Price = 0,
            Currency = "USD",
            order.Terms.DisableCt,
            DcvMethod = order.Validation?.Method ?? DcvMethod.Http,
            order.Terms.AlternativeOrderId,
            ApiKey = new { Name = "sandbox", KeyType = "api_key" },
        };
    }

    public object Row(CertificateOrder order)
    {
        var c = order.Primary;
        return new
        {
            order.Id,
            Certificate = new
            {
                c.Id,
                c.CommonName,
                c.DnsNames,
                ValidTill = Day(c.Issued?.DateValidTill),
                DaysRemaining = DaysLeft(c),
                c.SignatureHash,
            },
            Status = Status(order),
            IsRenewed = order.RenewedByOrderId != 0,
            order.DateCreated,
            Organization = Array.Empty<object>(), // DV has none, and the real API writes an empty array for it
            order.Terms.ValidityYears,
            order.Terms.DisableRenewalNotifications,
            Container = Container(order),
            Product = ProductIn(Product.Find(order.ProductId)!),
            HasDuplicates = Count(order, RequestType.Duplicate) > 0,
            ProductNameId = order.ProductId,
        };
    }

    /// <summary>What status-changes and the look-up by alternative id show of an order.</summary>
    public object Brief(CertificateOrder order) =>
        new { OrderId = order.Id, CertificateId = order.Primary.Id, Status = Status(order) };

    /// <summary>An entry of the reissue and duplicate lists.</summary>
    public static object Certificate(OrderedCertificate c) => new
    {
        c.Id,
        c.Issued?.Thumbprint,
        c.Issued?.SerialNumber,
        c.CommonName,
        c.DnsNames,
        c.Status,
        c.DateCreated,
        ValidFrom = Day(c.Issued?.DateValidFrom),
        ValidTill = Day(c.Issued?.DateValidTill),
        Csr = c.CsrPem,
        ServerPlatform = Platform(c),
        c.SignatureHash,
        c.KeySize,
        CaCertId = "SANDBOXCA1",
        SubId = "001",
        PublicId = $"SANDBOX{c.Id}",
    };

    private object CertificateIn(CertificateOrder order, OrderedCertificate c) => new
    {
        c.Id,
        c.Issued?.Thumbprint,
        c.Issued?.SerialNumber,
        c.CommonName,
        c.DnsNames,
        c.DateCreated,
        c.Issued?.DateIssued,
        ValidFrom = Day(c.Issued?.DateValidFrom),
        ValidTill = Day(c.Issued?.DateValidTill),
        DaysRemaining = DaysLeft(c),
        Csr = c.CsrPem,
        ServerPlatform = Platform(c),
        c.SignatureHash,
        c.KeySize,
        CaCert = new { Id = "SANDBOXCA1", Name = Authority.IntermediateName },
        CertValidity = new
        {
            Days = int.Min(
                int.Min(c.Days ?? LeafProfile.MaxDays, LeafProfile.MaxDays),
                (int)Math.Ceiling((order.DateValidTill - c.DateCreated).TotalDays)),
        },
    };

    private int? DaysLeft(OrderedCertificate c) =>
        c.Issued is { } issued ? (int)(issued.DateValidTill - wall.GetUtcNow()).TotalDays : null;

    private static string? Day(DateTimeOffset? moment) => moment is { } m ? Json.Day(m) : null;

    private static object Platform(OrderedCertificate c) => new { Id = c.PlatformId, Name = "OTHER" };

    private static object Container(CertificateOrder order) => new { Id = order.Terms.ContainerId, Name = "Main" };

    public static object ProductIn(Product product) => new
    {
        product.NameId,
        product.Name,
        product.Type,
        product.ValidationType,
        ValidationName = product.ValidationType.ToUpperInvariant(),
        ValidationDescription = "Domain Validation",
    };

    private static int Count(CertificateOrder order, string purpose) =>
        order.Certificates.Count(c => c.Purpose == purpose);
}
