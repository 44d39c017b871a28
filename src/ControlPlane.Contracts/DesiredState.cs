namespace ControlPlane.Contracts;

/// <summary>One page of what a node should serve: changes after a cursor, in revision order.</summary>
/// <param name="Epoch">The life of the fleet's history. It only grows; a smaller one than seen before is an old
/// answer.</param>
/// <param name="Revision">Highest revision this page carries the reader to.</param>
/// <param name="Cursor">Opaque to the agent: pass it as <c>since</c> next time, once this page is safely
/// recorded.</param>
/// <param name="More">True when further pages are ready now; false when the reader has everything up to
/// <paramref name="Revision"/>.</param>
/// <param name="Upserts">Domains to serve, each with the one bundle to serve it with.</param>
/// <param name="Tombstones">Domains to stop serving. Deletion is never inferred from absence.</param>
public sealed record DesiredStatePage(
    long Epoch,
    long Revision,
    string Cursor,
    bool More,
    IReadOnlyList<DesiredDomain> Upserts,
    IReadOnlyList<Tombstone> Tombstones)
{
    /// <summary>When the control plane read this page, UTC. A recorded answer that is played again carries an old time,
    /// so that a node that is held at an old state notices.</summary>
    public DateTimeOffset At { get; init; }
}

/// <summary>A domain and the bundle every node of the fleet should serve it with.</summary>
/// <param name="Domain">The domain's id (UUIDv7).</param>
/// <param name="Hostname">Its validated A-label name; see <see cref="HostnameSyntax"/>.</param>
/// <param name="Bundle">Id of the immutable bundle.</param>
/// <param name="Serial">The leaf's serial number, upper-case hexadecimal as the certificate prints it.</param>
/// <param name="Fingerprint">SHA-256 of the leaf, 64 lower-case hexadecimal digits.</param>
/// <param name="NotAfter">End of the leaf's validity, UTC.</param>
/// <param name="Revision">Revision at which the fleet began to want this.</param>
public sealed record DesiredDomain(
    Guid Domain,
    string Hostname,
    Guid Bundle,
    string Serial,
    string Fingerprint,
    DateTimeOffset NotAfter,
    long Revision)
{
    /// <summary>The lowest version of TLS in which nodes answer for the name, one of <see cref="TlsVersions"/>; absent
    /// for <see cref="TlsVersions.Default"/>. It changes with a new revision, and without a new bundle.</summary>
    public string? TlsMinimum { get; init; }
}

/// <summary>A domain the fleet no longer serves.</summary>
/// <param name="Domain">The domain's id.</param>
/// <param name="Hostname">The name to take out of disk, memory and listener.</param>
/// <param name="WithdrawnAt">When it was withdrawn, UTC: the agent's withdrawal breaker counts by this time.</param>
/// <param name="Approval">Id of the approval for a mass withdrawal; null when none was needed.</param>
/// <param name="Revision">Revision of the withdrawal.</param>
public sealed record Tombstone(
    Guid Domain,
    string Hostname,
    DateTimeOffset WithdrawnAt,
    string? Approval,
    long Revision);
