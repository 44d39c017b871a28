using System.Security.Cryptography;
using ControlPlane.Contracts;
using ControlPlane.Domains.Ownership;

namespace ControlPlane.Domains;

/// <summary>A registration: a customer's name that the fleet serves over HTTPS.</summary>
internal sealed class Domain
{
    public required Guid Id { get; init; }

    public required Guid TenantId { get; init; }

    public required Guid FleetId { get; init; }

    /// <summary>The validated A-label name, lower case.</summary>
    public required string Hostname { get; init; }

    public required KeyAlgorithm KeyAlgorithm { get; init; }

    /// <summary>The portal's own words, never interpreted; see <see cref="Settings.Metadata"/>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; set; } = Settings.Metadata.None;

    /// <summary>The lowest version of TLS in which nodes answer for the name, one of
    /// <see cref="TlsVersions"/>.</summary>
    public string TlsMinimum { get; set; } = TlsVersions.Default;

    /// <summary>Name of the CA its certificates are to come from; null: its tenant's, or the configured one.</summary>
    public string? CertificateAuthority { get; set; }

    public DomainStatus Status { get; set; }

    /// <summary>How it stands to the name, beside other tenants' claims.</summary>
    public Claim Claim { get; set; }

    /// <summary>Makes the value of its TXT record; see <see cref="OwnershipRecord"/>.</summary>
    public byte[] ClaimSecret { get; init; } = RandomNumberGenerator.GetBytes(32);

    /// <summary>When its TXT record was seen, or, for a name forgotten in a restore, when an operator said whose it is;
    /// null while neither was needed.</summary>
    public DateTimeOffset? ProvenAt { get; set; }

    /// <summary>The tenant's own CNAME target; null where the fleet's is shared.</summary>
    public string? CnameTarget { get; init; }

    /// <summary>What its canceled orders say.</summary>
    public string WhyCanceled => Status is DomainStatus.Deleting or DomainStatus.Deleted
        ? "The domain was deleted."
        : "Another account has proven control of the name.";

    /// <summary>The last bundle that every serving node proved; null before the first.</summary>
    public Guid? ActiveBundleId { get; private set; }

    /// <summary>The end of that bundle's validity, where lists can look for it.</summary>
    public DateTimeOffset? ExpiresAt { get; private set; }

    /// <summary>When that bundle is to get its successor, or is again after an attempt failed; null while none is
    /// served or that is not planned yet.</summary>
    public DateTimeOffset? RenewAt { get; private set; }

    /// <summary>Attempts that failed since that bundle is served.</summary>
    public int RenewalFailures { get; private set; }

    /// <summary>When operators were alarmed that few days are left; once for each certificate.</summary>
    public DateTimeOffset? RenewalAlarmedAt { get; private set; }

    /// <summary>When its CA is asked next for the window in which it would have that bundle renewed; null: it was not
    /// asked yet.</summary>
    public DateTimeOffset? WindowLookDueAt { get; private set; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it became active for the first time.</summary>
    public DateTimeOffset? ActivatedAt { get; set; }

    public DateTimeOffset? DeletedAt { get; set; }

    /// <summary>When its DNS is looked at next while it is active; null: not planned yet.</summary>
    public DateTimeOffset? DnsLookDueAt { get; private set; }

    /// <summary>The first look, of those in a row up to now, that found it leading elsewhere; null while it leads to
    /// us.</summary>
    public DateTimeOffset? DnsAwaySince { get; private set; }

    /// <summary>How many looks in that row; see <see cref="Leaving.LeaveWatch"/>.</summary>
    public int DnsFailedLooks { get; private set; }

    /// <summary>It is served and leads elsewhere: that outweighs what its newest order waits for.</summary>
    public bool IsAway => Status == DomainStatus.Active && DnsAwaySince is not null;

    /// <summary>Since when it is not renewed any more, because it leads elsewhere; null while it is.</summary>
    public DateTimeOffset? RenewalsStoppedAt { get; private set; }

    /// <summary>After deletion: which nodes confirmed the withdrawal and which were not there to ask.</summary>
    public string? DeletionReceipt { get; set; }

    /// <summary>After deletion: nodes, by name, that showed that they do not hold it any more.</summary>
    public IReadOnlyList<string> WithdrawnFrom { get; private set; } = [];

    /// <summary>After deletion: nodes, by name, that were not there to ask.</summary>
    public IReadOnlyList<string> NotAsked { get; private set; } = [];

    /// <summary>Which nodes do not hold it any more, and which were not there to ask.</summary>
    public void WithdrawFrom(IReadOnlyList<string> nodes, IReadOnlyList<string> notAsked) =>
        (WithdrawnFrom, NotAsked) = (nodes, notAsked);

    /// <summary>Every serving node has proven this bundle.</summary>
    public void Serve(Guid bundle, DateTimeOffset notAfter, DateTimeOffset renewAt)
    {
        (ActiveBundleId, ExpiresAt, RenewAt) = (bundle, notAfter, renewAt);
        (RenewalFailures, RenewalAlarmedAt, WindowLookDueAt) = (0, null, null);
    }

    /// <summary>No node is to serve it any more.</summary>
    public void ServeNothing() => (ActiveBundleId, ExpiresAt, RenewAt) = (null, null, null);

    /// <summary>The order of its successor has failed. One that was due is due again at <paramref name="again"/>; one
    /// that came before its time leaves that as it is.</summary>
    public void RenewalFailed(DateTimeOffset again, DateTimeOffset now)
    {
        RenewalFailures++;
        RenewAt = RenewAt > now ? RenewAt : again;
    }

    /// <summary>Operators were told.</summary>
    public void RenewalAlarmed(DateTimeOffset now) => RenewalAlarmedAt = now;
}

/// <summary>The domain as a whole. A renewal in progress leaves it active.</summary>
internal enum DomainStatus
{
    Pending,
    Active,
    Failed,
    Deleting,
    Deleted,
}
