using System.Text.Json.Serialization;

namespace ControlPlane.Contracts;

/// <summary>What a node was found to hold. Carries changed rows only; one without rows is a heartbeat.</summary>
/// <param name="ReportNumber">Increases by at least one with each report of this node, over restarts too. A report with
/// a number at or below the last accepted one is answered but changes nothing.</param>
/// <param name="Epoch">Epoch of the newest desired state the agent has recorded; 0 before the first.</param>
/// <param name="Revision">Revision of the newest desired state the agent has recorded; 0 before the first.</param>
/// <param name="Synced">True when every domain wanted up to <paramref name="Revision"/> has been applied and verified,
/// or reported as refused.</param>
/// <param name="HAProxy">The process that was observed; null when it could not be reached.</param>
/// <param name="AgentVersion">Version of the agent's program.</param>
/// <param name="Rows">At most <see cref="Routes.MaxRowsPerReport"/> domains whose observation changed.</param>
public sealed record ObservedStateReport(
    long ReportNumber,
    long Epoch,
    long Revision,
    bool Synced,
    HAProxyProcess? HAProxy,
    string AgentVersion,
    IReadOnlyList<ObservedDomain> Rows)
{
    /// <summary>Time of the newest answer the agent has accepted; null before the first.</summary>
    public DateTimeOffset? FreshAt { get; init; }

    /// <summary>Everything the agent is alarmed about now; empty when all is well. At most
    /// <see cref="Routes.MaxAlarms"/>.</summary>
    public IReadOnlyList<NodeAlarm> Alarms { get; init; } = [];

    /// <summary>Names the node serves and the newest full list does not hold; null when they are the ones last
    /// told.</summary>
    public StrayNames? Strays { get; init; }

    /// <summary>Fetches of validation tokens since the last report, oldest first; at most
    /// <see cref="Routes.MaxVisits"/>. For people who ask why a CA did not see a token: nothing is decided by
    /// them.</summary>
    public IReadOnlyList<TokenVisit> Visits { get; init; } = [];
}

/// <summary>Something an agent is alarmed about. It goes on serving all the while.</summary>
/// <param name="Code">One of <see cref="NodeAlarmCodes"/>.</param>
/// <param name="Detail">A sentence for an engineer. Never holds key material.</param>
public sealed record NodeAlarm(string Code, string Detail);

/// <summary>What an agent can be alarmed about.</summary>
public static class NodeAlarmCodes
{
    /// <summary>The control plane answered with an older epoch or revision than the agent had accepted before: an old
    /// answer is being played again, or the database was set back.</summary>
    public const string AnswerOlder = "answer-older";

    /// <summary>No fresh answer was accepted for long: the node may be held at an old state.</summary>
    public const string AnswerStale = "answer-stale";

    /// <summary>HAProxy refuses more files of the directory than the agent believes it: it sets no more of them
    /// aside.</summary>
    public const string FilesRefused = "files-refused";

    /// <summary>A file of the agent's own state was damaged; it was set aside and is not trusted.</summary>
    public const string StateDamaged = "state-damaged";

    /// <summary>HAProxy's memory was not what the node had recorded and holds on disk; it was loaded again. Over when a
    /// whole round of the audit finds nothing.</summary>
    public const string MemoryDrift = "memory-drift";

    /// <summary>The node's record was not what its fleet wants; it was corrected. Over when a comparison finds nothing
    /// but strays, which are told by name.</summary>
    public const string RecordDrift = "record-drift";
}

/// <summary>Names that a node serves and its control plane does not know. Deletion is never inferred from absence: they
/// are served until somebody decides.</summary>
/// <param name="Total">How many there are.</param>
/// <param name="Names">The first of them, at most <see cref="Routes.MaxStrays"/>.</param>
public sealed record StrayNames(int Total, IReadOnlyList<StrayName> Names);

/// <summary>One such name.</summary>
/// <param name="Hostname">The name; see <see cref="HostnameSyntax"/>.</param>
/// <param name="Fingerprint">SHA-256 of the leaf on the node's disk, 64 lower-case hexadecimal digits.</param>
/// <param name="NotAfter">End of that leaf's validity, UTC.</param>
public sealed record StrayName(string Hostname, string Fingerprint, DateTimeOffset NotAfter);

/// <summary>The HAProxy process behind a report.</summary>
/// <param name="Version">As <c>show info</c> prints it.</param>
/// <param name="Pid">Process id of the worker that answered.</param>
/// <param name="StartedAt">When that worker started, UTC, to the second.</param>
public sealed record HAProxyProcess(string Version, int Pid, DateTimeOffset StartedAt);

/// <summary>One domain as found on one node.</summary>
/// <param name="Domain">The domain's id.</param>
/// <param name="Revision">Revision of the desired state this answers.</param>
/// <param name="State">Served, refused or gone.</param>
/// <param name="DiskFingerprint">SHA-256 of the leaf on disk; null when there is none.</param>
/// <param name="MemoryFingerprint">SHA-256 of the leaf HAProxy holds, established by matching what its runtime API says
/// (serial and SHA-1) against the leaf the agent holds; null when it holds none or another.</param>
/// <param name="HandshakeFingerprint">SHA-256 of the leaf served in a TLS handshake; null when the handshake
/// failed.</param>
/// <param name="Error">Why it is refused; null otherwise.</param>
public sealed record ObservedDomain(
    Guid Domain,
    long Revision,
    ObservedDomainState State,
    string? DiskFingerprint,
    string? MemoryFingerprint,
    string? HandshakeFingerprint,
    NodeError? Error);

/// <summary>What became of a domain on a node.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ObservedDomainState>))]
public enum ObservedDomainState
{
    /// <summary>ACK: disk, memory and handshake showed the desired fingerprint.</summary>
    Serving,

    /// <summary>NACK: it could not be applied or proven; <see cref="ObservedDomain.Error"/> says why. Another, older
    /// bundle may still be served; the fingerprints tell.</summary>
    Refused,

    /// <summary>ACK of a tombstone: neither disk, memory nor listener knows the name.</summary>
    Withdrawn,
}

/// <summary>Why a node refused a bundle or could not prove it.</summary>
/// <param name="Code">One of <see cref="NodeErrorCodes"/>.</param>
/// <param name="Detail">A sentence for an engineer. Never holds key material.</param>
public sealed record NodeError(string Code, string Detail);

/// <summary>The causes a node can give in <see cref="NodeError.Code"/>.</summary>
public static class NodeErrorCodes
{
    /// <summary>The seal did not open: wrong node key, or the envelope was not meant for this bundle.</summary>
    public const string SealBroken = "seal-broken";

    /// <summary>Leaf and listed fingerprint, or key and leaf, do not belong together.</summary>
    public const string BundleMismatch = "bundle-mismatch";

    /// <summary>The PEM does not fit HAProxy's buffer.</summary>
    public const string Oversized = "oversized";

    /// <summary>The API had no bundle to give for the domain.</summary>
    public const string NotDelivered = "not-delivered";

    /// <summary>HAProxy refused a command.</summary>
    public const string HAProxyRefused = "haproxy-refused";

    /// <summary>HAProxy's socket could not be reached.</summary>
    public const string HAProxyUnreachable = "haproxy-unreachable";

    /// <summary>The file could not be written.</summary>
    public const string DiskFailed = "disk-failed";

    /// <summary>HAProxy's memory holds another certificate than the one injected.</summary>
    public const string MemoryMismatch = "memory-mismatch";

    /// <summary>The handshake failed or served another certificate.</summary>
    public const string HandshakeMismatch = "handshake-mismatch";

    /// <summary>More withdrawals in an hour than an unapproved change may bring.</summary>
    public const string WithdrawalsHeld = "withdrawals-held";

    /// <summary>An older certificate than the one served was offered unasked.</summary>
    public const string Rollback = "rollback";

    /// <summary>HAProxy's bind line lacks the list of names that refuse TLS 1.2.</summary>
    public const string Tls13ListMissing = "tls13-list-missing";

    /// <summary>A file from before the agent has the bundle's name and serves other names, too.</summary>
    public const string ForeignFile = "foreign-file";
}

/// <summary>The API's answer to a report.</summary>
/// <param name="ReportNumber">Highest report number accepted from this node: the agent continues above it.</param>
/// <param name="Standing">The node's standing, for the agent's log: Joining, Serving, Lost, Draining or
/// Retired.</param>
public sealed record ObservedStateReceipt(long ReportNumber, string Standing);
