using ControlPlane.Domains;

namespace ControlPlane.Receipts;

/// <summary>What became of something that is gone, or is going.</summary>
/// <param name="Complete">Nothing is left to come: the receipt was issued and does not change any more.</param>
/// <param name="IssuedAt">When; null before.</param>
/// <param name="Sha256">Of <paramref name="Receipt"/> as it stands in this answer, hexadecimal; the audit trail's entry
/// <c>IssueReceipt</c> has it as its outcome. Null before.</param>
/// <param name="Receipt">As it was issued, or as it would be now.</param>
internal sealed record ReceiptView<T>(bool Complete, DateTimeOffset? IssuedAt, string? Sha256, T Receipt)
    where T : notnull;

/// <summary>What is left of a deleted domain: nothing but this.</summary>
/// <param name="Domain">Its id.</param>
/// <param name="Hostname">Its name.</param>
/// <param name="Tenant">Whose it was.</param>
/// <param name="DeletedAt">When its last order was closed; null while it is not deleted.</param>
/// <param name="ProvedAbsence">Nodes that showed that they do not hold the name any more.</param>
/// <param name="NotAsked">Nodes that were lost then: they drop the name as soon as they are heard again.</param>
/// <param name="Orders">Every order it had, oldest first.</param>
/// <param name="Keys">Every private key it had in the vault, oldest first.</param>
internal sealed record DomainReceipt(
    Guid Domain, string Hostname, Guid Tenant, DateTimeOffset? DeletedAt, IReadOnlyList<string> ProvedAbsence,
    IReadOnlyList<string> NotAsked, IReadOnlyList<ReceiptOrder> Orders, IReadOnlyList<ReceiptKey> Keys);

/// <summary>An order of the domain.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Kind">What it was opened for.</param>
/// <param name="State">How it ended.</param>
/// <param name="CaOrder">The order at the CA; null when none was placed.</param>
/// <param name="Serial">The certificate, upper-case hexadecimal; null when none was issued.</param>
internal sealed record ReceiptOrder(Guid Id, OrderKind Kind, OrderState State, string? CaOrder, string? Serial);

/// <summary>A private key of the domain.</summary>
/// <param name="Id">What it was called in the vault.</param>
/// <param name="Order">The order it was made for.</param>
/// <param name="PublicKeySha256">Of the public key (SubjectPublicKeyInfo DER), hexadecimal: finds every certificate
/// over it.</param>
/// <param name="SealedAt">When it came into the vault.</param>
/// <param name="DeletedAt">When it was deleted softly; null: it is in use, or was an orphan.</param>
/// <param name="DestroyedAt">When it was destroyed; null: it is still in the vault.</param>
internal sealed record ReceiptKey(
    Guid Id, Guid Order, string PublicKeySha256, DateTimeOffset SealedAt, DateTimeOffset? DeletedAt,
    DateTimeOffset? DestroyedAt);

/// <summary>What a node that is gone had seen, and what became of that.</summary>
/// <param name="Node">Its id.</param>
/// <param name="Name">Its name, which may have a successor.</param>
/// <param name="Fleet">The fleet it served in.</param>
/// <param name="JoinedAt">When it was enrolled.</param>
/// <param name="RetiredAt">When it was retired or banned; null while it is not.</param>
/// <param name="BannedAt">When it was banned; null: it was not.</param>
/// <param name="SealingKey">Every copy it was given was sealed for this key (HPKE), whose private half was made on the
/// node and never left it: once that is gone nobody opens them, and none is kept here.</param>
/// <param name="Certificates">Whose keys it was given; <c>/v1/nodes/{node}/exposure</c> lists them.</param>
/// <param name="CertificatesSha256">Over their fingerprints, sorted, each with a line feed after it,
/// hexadecimal.</param>
/// <param name="KeysInUse">Of their keys: still served with by other nodes.</param>
/// <param name="KeysDeleted">Deleted softly, and destroyed 30 days after that.</param>
/// <param name="KeysDestroyed">Destroyed.</param>
/// <param name="Replaced">Of the certificates: replaced by the ban's rekey.</param>
/// <param name="Revoked">Of the certificates: revoked.</param>
/// <param name="NotRevoked">Of the certificates: to be revoked, and either ended before or the CA did not do
/// it.</param>
internal sealed record NodeReceipt(
    Guid Node, string Name, string Fleet, DateTimeOffset JoinedAt, DateTimeOffset? RetiredAt,
    DateTimeOffset? BannedAt, string SealingKey, long Certificates, string CertificatesSha256, long KeysInUse,
    long KeysDeleted, long KeysDestroyed, long Replaced, long Revoked, long NotRevoked);
