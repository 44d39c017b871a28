using ControlPlane.Domains.Leaving;
using ControlPlane.Domains.Preflight;
using ControlPlane.Domains.Renewing;
using ControlPlane.Domains.Settings;
using ControlPlane.Domains.Visits;
using ControlPlane.Http;

namespace ControlPlane.Domains.Reading;

/// <summary>A domain as the API shows it: what was asked for, how far it is, who must do what next.</summary>
internal sealed record DomainView
{
    public required Guid Id { get; init; }

    /// <summary>The tenant's id.</summary>
    public required Guid TenantId { get; init; }

    /// <summary>The tenant's name.</summary>
    public required string Tenant { get; init; }

    /// <summary>The id of the fleet that serves it, from its registration to its deletion.</summary>
    public required Guid FleetId { get; init; }

    /// <summary>The fleet's name.</summary>
    public required string Fleet { get; init; }

    public required string Hostname { get; init; }

    /// <summary><c>ecdsaP256</c> or <c>rsa2048</c>.</summary>
    public required string KeyAlgorithm { get; init; }

    /// <summary>How nodes speak TLS for it.</summary>
    public required TlsView Tls { get; init; }

    /// <summary>The CA that was chosen for it, by name; null: its tenant's, or the configured one. Where the newest
    /// order is stands in <c>certificate</c>.</summary>
    public required string? CertificateAuthority { get; init; }

    /// <summary>The portal's own words; nothing here acts upon them.</summary>
    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    /// <summary>The domain as a whole.</summary>
    public required OverallStatus Status { get; init; }

    /// <summary>Who must act next.</summary>
    public required WaitingOn WaitingOn { get; init; }

    /// <summary>Why it is not further; null when there is nothing to wait for.</summary>
    public required ReasonView? Reason { get; init; }

    /// <summary>What to do about it, step by step; DNS records to be copied.</summary>
    public required IReadOnlyList<FixStep> Fix { get; init; }

    /// <summary>All that the last look with the CA's eyes found, what blocks first; empty when nothing is in the
    /// way.</summary>
    public required IReadOnlyList<FindingView> Findings { get; init; }

    /// <summary>What the customer's DNS must hold.</summary>
    public required IReadOnlyList<DnsRecordView> DnsRecords { get; init; }

    /// <summary>Whose the name is, and by which proof.</summary>
    public required OwnershipView Ownership { get; init; }

    /// <summary>How far the newest certificate is.</summary>
    public required CertificateStatusView Certificate { get; init; }

    /// <summary>When the certificate that is served ends, which may be an earlier one than <c>certificate</c>; null
    /// while none is.</summary>
    public required DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>When the certificate that is served gets its successor; null while none is served.</summary>
    public required RenewalView? Renewal { get; init; }

    /// <summary>How far the nodes are with the desired bundle.</summary>
    public required DeliverySummary Delivery { get; init; }

    /// <summary>How far the CA's look at the newest order's token got; null before the first perspective
    /// came.</summary>
    public required ValidationView? Validation { get; init; }

    /// <summary>When it is looked at next; <c>POST …/check</c> makes it now.</summary>
    public required DateTimeOffset? NextCheckAt { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When every serving node had proven it for the first time.</summary>
    public required DateTimeOffset? ActivatedAt { get; init; }

    /// <summary>For whom it waited until then, or has waited so far.</summary>
    public required TimeToActive TimeToActive { get; init; }

    public required DateTimeOffset? DeletedAt { get; init; }

    /// <summary>Whether the name still leads here; looked at about once a day while it is active.</summary>
    public required DnsWatchView Dns { get; init; }

    /// <summary>After deletion: which nodes confirmed it and which were not there to ask.</summary>
    public required string? DeletionReceipt { get; init; }
}

/// <summary>The domain as a whole.</summary>
internal enum OverallStatus
{
    /// <summary>On its way; see waitingOn.</summary>
    Pending,

    /// <summary>Served, with proof of every node.</summary>
    Active,

    /// <summary>Served, but a node is lost or does not prove it at present.</summary>
    Degraded,

    /// <summary>It does not go on by itself; see reason and fix.</summary>
    Failed,

    /// <summary>Being taken off the nodes.</summary>
    Deleting,

    /// <summary>No serving node knows it any more.</summary>
    Deleted,
}

/// <summary>Why a domain is where it is.</summary>
/// <param name="Code">A stable word for programs.</param>
/// <param name="Title">What is the matter, the same sentence each time.</param>
/// <param name="Detail">This domain's particulars.</param>
/// <param name="Page">The path of a page that explains the code.</param>
internal sealed record ReasonView(string Code, string Title, string Detail, string Page);

/// <summary>One thing found in the name's DNS, or on port 80 of its addresses.</summary>
/// <param name="Code">A stable word for programs, of the same list as a reason's.</param>
/// <param name="WaitingOn">Who can put it right.</param>
/// <param name="Title">What is the matter, the same sentence each time.</param>
/// <param name="Detail">This domain's particulars.</param>
/// <param name="Blocks">True while the certificate authority would refuse for it; false for a warning.</param>
/// <param name="Fix">What to do about it.</param>
/// <param name="Page">The path of a page that explains the code.</param>
internal sealed record FindingView(
    string Code, WaitingOn WaitingOn, string Title, string Detail, bool Blocks, IReadOnlyList<FixStep> Fix,
    string Page)
{
    public static FindingView Of(Finding found) => new(
        found.Code, found.Reason.WaitingOn, found.Reason.Title, found.Detail, found.Blocks, [.. found.Fix],
        found.Reason.Page);
}

/// <summary>Whose the name is.</summary>
/// <param name="Status">How far the proof is.</param>
/// <param name="Method">How it was proven, or must be; null while that is open.</param>
/// <param name="Record">The TXT record to create; null when none is needed.</param>
internal sealed record OwnershipView(
    OwnershipStatus Status, OwnershipMethod? Method = null, DnsRecordView? Record = null);

internal enum OwnershipStatus
{
    /// <summary>Nobody else claims the name; that it leads to us will do.</summary>
    Pending,

    /// <summary>Only the TXT record in <c>record</c> decides.</summary>
    Contested,

    /// <summary>Proven.</summary>
    Verified,

    /// <summary>Not proven in time.</summary>
    Failed,

    /// <summary>Another account proved it.</summary>
    Lost,
}

internal enum OwnershipMethod
{
    /// <summary>The TXT record.</summary>
    Txt,

    /// <summary>The CA's own validation, over HTTP.</summary>
    CaValidation,
}

/// <summary>The newest certificate, or the way to it.</summary>
/// <param name="Status">How far it is.</param>
/// <param name="Serial">Serial number, upper-case hexadecimal.</param>
/// <param name="Fingerprint">SHA-256 of the leaf, lower-case hexadecimal.</param>
/// <param name="Issuer">The issuer's distinguished name.</param>
/// <param name="NotAfter">End of its validity.</param>
/// <param name="Authority">The CA it is ordered at, by its name in the settings; null before the first look at the
/// name, and for one that was taken over and is none of theirs.</param>
internal sealed record CertificateStatusView(
    CertificateStatus Status, string? Serial, string? Fingerprint, string? Issuer, DateTimeOffset? NotAfter,
    string? Authority);

internal enum CertificateStatus
{
    None,
    Ordering,
    Validating,
    Issuing,
    Issued,
    Failed,
    Withdrawn,
}

/// <summary>How far the nodes are.</summary>
/// <param name="Status">In a word.</param>
/// <param name="DesiredSerial">Serial of the bundle they should serve; null when none is published.</param>
/// <param name="NodesReady">Serving nodes whose disk, memory and listener showed it.</param>
/// <param name="NodesTotal">Nodes that should: serving and lost ones.</param>
internal sealed record DeliverySummary(DeliveryStatus Status, string? DesiredSerial, int NodesReady, int NodesTotal);

internal enum DeliveryStatus
{
    /// <summary>Nothing is published.</summary>
    None,

    /// <summary>Some nodes have not proven it yet.</summary>
    RollingOut,

    /// <summary>All nodes have.</summary>
    Complete,

    /// <summary>Being taken off the nodes.</summary>
    Withdrawing,
}
