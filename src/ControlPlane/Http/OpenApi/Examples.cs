using ControlPlane.Domains;
using ControlPlane.Domains.Leaving;
using ControlPlane.Domains.Preflight;
using ControlPlane.Domains.Reading;
using ControlPlane.Domains.Renewing;
using ControlPlane.Domains.Settings;
using ControlPlane.Domains.Visits;
using ControlPlane.Http.Access;

namespace ControlPlane.Http.OpenApi;

/// <summary>One made-up customer, told through all examples.</summary>
internal static class Examples
{
    public static readonly DateTimeOffset At = new(2026, 3, 2, 9, 30, 0, TimeSpan.Zero);

    public static readonly TenantView Tenant = new(
        Guid.Parse("019cadc5-2f80-7a11-8b21-0a1b2c3d4e5f"), "acme", "local", null, At, null);

    public static readonly KeyView Key = new(
        Guid.Parse("019cadc5-4c70-7d0e-9a55-1f2e3d4c5b6a"), ApiRole.Portal, "shop-portal", At, null, null, null, null,
        null);

    public static readonly Guid SuccessorId = Guid.Parse("019cb2ec-1a80-7b3e-8f66-2a3b4c5d6e7f");

    private const string Fingerprint = "3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea";

    private static readonly Guid Id = Guid.Parse("019cadc6-0a28-7c44-b1d2-6f7a8b9c0d1e");

    private static readonly ReasonView Unchecked = new(
        Reasons.DnsUnchecked.Code, Reasons.DnsUnchecked.Title, Reasons.DnsUnchecked.Title,
        Reasons.DnsUnchecked.Page);

    private static readonly DnsRecordView Way = new("CNAME", "shop.example.com", "edge.controlplane.example", null);

    public static readonly DomainView Registered = new()
    {
        Id = Id,
        TenantId = Guid.Parse("019cadc5-2f80-7a11-8b21-0a1b2c3d4e5f"),
        Tenant = "acme",
        FleetId = Guid.Parse("019cadc0-1a2b-7c3d-8e4f-5a6b7c8d9e0f"),
        Fleet = "local",
        Hostname = "shop.example.com",
        KeyAlgorithm = "ecdsaP256",
        Tls = new TlsView("1.2"),
        CertificateAuthority = null,
        Metadata = new Dictionary<string, string> { ["customer"] = "4711" },
        Status = OverallStatus.Pending,
        WaitingOn = Reasons.DnsUnchecked.WaitingOn,
        Reason = Unchecked,
        Fix = [new FixStep(Reasons.DnsUnchecked.Fix), FixStep.ToCreate(Way)],
        Findings = [],
        DnsRecords = [Way],
        Ownership = new OwnershipView(OwnershipStatus.Pending),
        Certificate = new CertificateStatusView(CertificateStatus.None, null, null, null, null, null),
        ExpiresAt = null,
        Renewal = null,
        Delivery = new DeliverySummary(DeliveryStatus.None, null, 0, 3),
        Validation = null,
        NextCheckAt = At,
        CreatedAt = At,
        ActivatedAt = null,
        TimeToActive = new TimeToActive(0, 0.2, 0, 0, 0.2),
        DeletedAt = null,
        Dns = new DnsWatchView(null, 0, null, null),
        DeletionReceipt = null,
    };

    private static readonly Finding Forbidden = Finding.Of(
        PreflightReasons.CaaForbids, "At example.com: 0 issue \"another-ca.example\" allows others only.",
        FixStep.ToCreate(new DnsRecordView("CAA", "example.com", "0 issue \"digicert.com\"", null)));

    public static readonly DomainView Waiting = Registered with
    {
        WaitingOn = Forbidden.Reason.WaitingOn,
        Reason = new ReasonView(
            Forbidden.Code, Forbidden.Reason.Title, Forbidden.Detail, Forbidden.Reason.Page),
        Fix = [.. Forbidden.Fix],
        Findings = [FindingView.Of(Forbidden)],
        NextCheckAt = At.AddSeconds(10),
    };

    public static readonly DomainView Active = Registered with
    {
        Status = OverallStatus.Active,
        WaitingOn = WaitingOn.None,
        Reason = null,
        Fix = [],
        Ownership = new OwnershipView(OwnershipStatus.Verified, OwnershipMethod.CaValidation),
        Certificate = new CertificateStatusView(
            CertificateStatus.Issued, "0A1B2C3D4E5F60718293", Fingerprint, "CN=Example DV CA",
            At.AddDays(199), "certcentral"),
        ExpiresAt = At.AddDays(199),
        Renewal = new RenewalView(At.AddDays(127), 0),
        Delivery = new DeliverySummary(DeliveryStatus.Complete, "0A1B2C3D4E5F60718293", 3, 3),
        Validation = new ValidationView(5, 5, At.AddSeconds(2)),
        NextCheckAt = null,
        ActivatedAt = At.AddSeconds(4),
        TimeToActive = new TimeToActive(1.3, 0.4, 1.9, 0.4, 4),
        Dns = new DnsWatchView(null, 0, null, At.AddDays(1)),
    };

    public static readonly EventView Event = new(
        42, At, EventTypes.DomainRegistered, "shop.example.com was registered.", Id,
        Guid.Parse("019cadc6-0a28-7f02-92a4-7c6b5a493827"), Node: null,
        new EventDetails("shop.example.com", DomainStatus.Pending, Reasons.DnsUnchecked.Code, WaitingOn.Operator));

    public static readonly CertificateView Certificate = new(
        Guid.Parse("019cadc6-1770-7b3c-8d5e-90a1b2c3d4e5"), "0A1B2C3D4E5F60718293", Fingerprint, "CN=Example DV CA", At,
        At.AddDays(199), CertificateState.Active, null);

    public static readonly TokenVisitView Visit = new(
        At.AddSeconds(2), "node-1", "216.168.247.9", "DigiCert DCV Bot/1.1", Visitor.Ca, 200, 32);

    public static readonly NodeDeliveryView Node = new(
        "node-1", Nodes.NodeStanding.Serving, Contracts.ObservedDomainState.Serving, Fingerprint, Fingerprint,
        Fingerprint,
        true, null, 17, At.AddSeconds(4));
}
