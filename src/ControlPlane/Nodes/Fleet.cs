namespace ControlPlane.Nodes;

/// <summary>The nodes that serve the same set of domains, and the position of that set's history.</summary>
internal sealed class Fleet
{
    public required Guid Id { get; init; }

    public required string Name { get; init; }

    /// <summary>Where its names must lead; with <see cref="Addresses"/> empty and this null, what the configuration
    /// names. See <see cref="Fleets.FleetWay"/>.</summary>
    public string? CnameTarget { get; init; }

    /// <inheritdoc cref="CnameTarget"/>
    public IReadOnlyList<string> Addresses { get; init; } = [];

    /// <summary>The life of the history: only ever grows.</summary>
    public long Epoch { get; init; } = 1;

    /// <summary>Position of the last published batch.</summary>
    public long Revision { get; init; }

    /// <summary>Nodes that see a change before the others do; none: all see it at once.</summary>
    public int Canaries { get; init; }

    /// <summary>Nodes that are no canaries see up to here.</summary>
    public long ReleasedRevision { get; init; }

    /// <summary>When <see cref="ReleasedRevision"/> last rose behind canaries; null before the first time.</summary>
    public DateTimeOffset? ReleasedAt { get; init; }

    /// <summary>How its rollout stands; since when and why, unless it always ran.</summary>
    public RolloutState Rollout { get; init; }

    /// <inheritdoc cref="Rollout"/>
    public DateTimeOffset? RolloutSince { get; init; }

    /// <inheritdoc cref="Rollout"/>
    public string? RolloutReason { get; init; }

    /// <summary>When somebody last resumed it: earlier refusals do not count.</summary>
    public DateTimeOffset? RefusalsSince { get; init; }

    /// <summary>Revision of the newest tombstone that is not listed any more: a cursor below it begins anew.</summary>
    public long KeptFrom { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>How a fleet's rollout stands.</summary>
internal enum RolloutState
{
    /// <summary>Changes go out.</summary>
    Running,

    /// <summary>A canary that serves does not answer: the others wait for it. Ends by itself.</summary>
    CanarySilent,

    /// <summary>Too many refusals: nothing but withdrawals goes out until somebody resumes it.</summary>
    Halted,

    /// <summary>Somebody stopped it: nothing but withdrawals goes out until somebody resumes it.</summary>
    Paused,
}

/// <summary>A one-time code with which a node joins a fleet. Only its hash is kept.</summary>
internal sealed class JoinCode
{
    public required byte[] CodeHash { get; init; }

    public required Guid FleetId { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    public DateTimeOffset? UsedAt { get; set; }
}

/// <summary>One HAProxy and its agent.</summary>
internal sealed class Node
{
    public required Guid Id { get; init; }

    public required Guid FleetId { get; init; }

    public required string Name { get; init; }

    public NodeStanding Standing { get; set; }

    /// <summary>Where we reach its port 80, as <c>address:port</c>.</summary>
    public required string HttpEndpoint { get; init; }

    public required byte[] SigningKey { get; init; }

    public required string SigningKeyId { get; init; }

    public required byte[] SealingKey { get; init; }

    public required string SealingKeyId { get; init; }

    public required string AgentVersion { get; set; }

    public string? HAProxyVersion { get; set; }

    public int? HAProxyPid { get; set; }

    public DateTimeOffset? HAProxyStartedAt { get; set; }

    /// <summary>Epoch and revision of the newest desired state it has recorded.</summary>
    public long Epoch { get; set; }

    public long Revision { get; set; }

    /// <summary>While Serving: it has answered for every active domain of its fleet, be it by a refusal. See
    /// <see cref="Observing.CompleteNodes"/>.</summary>
    public bool ShowsAll { get; init; }

    /// <summary>Time of the newest answer it has accepted; null before its first report.</summary>
    public DateTimeOffset? FreshAt { get; set; }

    /// <summary>Names it serves that this database does not want.</summary>
    public int Strays { get; set; }

    /// <summary>The epoch in which it told those last; none when null.</summary>
    public long? StraysEpoch { get; set; }

    /// <summary>Number of the last accepted report.</summary>
    public long ReportNumber { get; set; }

    /// <summary>When the minute began in which it was to write <see cref="EventsAsked"/> events.</summary>
    public DateTimeOffset? EventsSince { get; init; }

    /// <summary>Those within the bound were written.</summary>
    public int EventsAsked { get; init; }

    public required DateTimeOffset JoinedAt { get; init; }

    public DateTimeOffset LastSeenAt { get; set; }

    public DateTimeOffset? BannedAt { get; set; }
}

/// <summary>A node's standing: it counts for proofs only while Serving.</summary>
internal enum NodeStanding
{
    /// <summary>Enrolled or returned; becomes Serving after a full verified sync.</summary>
    Joining,

    /// <summary>Every activation needs its proof.</summary>
    Serving,

    /// <summary>Silent or without its HAProxy for 90 seconds: listed, not waited for, counted against the
    /// majority.</summary>
    Lost,

    /// <summary>Being taken out by an admin; still served to, not waited for.</summary>
    Draining,

    /// <summary>Gone for good; its token is refused.</summary>
    Retired,
}
