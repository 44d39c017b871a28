using ControlPlane.CertificateAuthorities;

namespace ControlPlane.Campaigns;

/// <summary>Certificates that must be replaced by a deadline. A plan until it is started.</summary>
internal sealed class Campaign
{
    /// <summary>After that a plan that was never started is forgotten: what it says is old.</summary>
    public static readonly TimeSpan PlanKept = TimeSpan.FromDays(7);

    public required Guid Id { get; init; }

    /// <summary>For people; at most <see cref="Http.GivenReason.Longest"/> characters.</summary>
    public required string Reason { get; init; }

    /// <summary>A <see cref="CampaignFilterView"/>, as JSON.</summary>
    public required string Filter { get; init; }

    public required CampaignPriority Priority { get; init; }

    public required DateTimeOffset Deadline { get; init; }

    /// <summary>How the old certificates are to be revoked once their successors are proven; null: not at
    /// all.</summary>
    public RevocationReason? RevokeAfter { get; init; }

    /// <summary>Played on paper when it is started: nothing is ordered.</summary>
    public required bool IsRehearsal { get; init; }

    /// <summary>A <see cref="Planning.CampaignPlan"/>, as JSON.</summary>
    public required string Plan { get; init; }

    public CampaignState State { get; private set; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? StartedAt { get; private set; }

    public DateTimeOffset? PausedAt { get; private set; }

    public DateTimeOffset? FinishedAt { get; private set; }

    /// <summary>When it was told that the deadline has passed with work left.</summary>
    public DateTimeOffset? LateToldAt { get; private set; }
}

/// <summary>How far a campaign is. The moves between them are <see cref="CampaignMoves"/>.</summary>
internal enum CampaignState
{
    /// <summary>Nothing is done yet.</summary>
    Planned,

    /// <summary>Successors are opened, in the order of rank.</summary>
    Running,

    /// <summary>None is opened; those under way go on.</summary>
    Paused,

    /// <summary>None is opened any more; those under way still come to their end.</summary>
    Aborted,

    /// <summary>Nothing is left to do.</summary>
    Completed,
}

/// <summary>Who comes first.</summary>
internal enum CampaignPriority
{
    /// <summary>Whose certificate ends soonest.</summary>
    Expiry,

    /// <summary>By a word in the domains' metadata, then whose certificate ends soonest.</summary>
    TrafficClass,
}

/// <summary>A certificate to replace.</summary>
internal sealed class CampaignDomain
{
    public required Guid CampaignId { get; init; }

    public required Guid DomainId { get; init; }

    /// <summary>The bundle to be replaced.</summary>
    public required Guid BundleId { get; init; }

    /// <summary>1 is the most urgent.</summary>
    public required int Rank { get; init; }

    public CampaignDomainState State { get; set; }

    public CampaignObstacle? Obstacle { get; private set; }

    /// <summary>Its successor's.</summary>
    public Guid? OrderId { get; set; }

    /// <summary>Orders that failed; picks the pause before the next.</summary>
    public int Attempts { get; private set; }

    public DateTimeOffset? NextAttemptAt { get; set; }

    /// <summary>A code of <see cref="Http.Reasons"/>.</summary>
    public string? Reason { get; set; }

    public string? Detail { get; set; }

    /// <summary>When its successor was expected to be proven, at the last start.</summary>
    public DateTimeOffset? ExpectedAt { get; private set; }

    public DateTimeOffset? SettledAt { get; private set; }
}

/// <summary>How far a replacement is.</summary>
internal enum CampaignDomainState
{
    /// <summary>The campaign was not started.</summary>
    Planned,

    /// <summary>Its successor is opened when its turn comes.</summary>
    Waiting,

    /// <summary>Its successor is on the path.</summary>
    Ordered,

    /// <summary>Its order failed; another one is opened later, by itself.</summary>
    Failed,

    /// <summary>Another certificate is proven on every serving node.</summary>
    Replaced,

    /// <summary>It cannot be replaced; <see cref="CampaignObstacle"/> says why.</summary>
    Skipped,

    /// <summary>Its orders failed until the deadline, or until the campaign was aborted.</summary>
    GivenUp,

    /// <summary>The campaign was aborted before its turn.</summary>
    Dropped,

    /// <summary>It would have been replaced: the campaign was a rehearsal.</summary>
    Rehearsed,
}

/// <summary>Why a domain that the filter finds cannot be replaced.</summary>
internal enum CampaignObstacle
{
    /// <summary>The name leads elsewhere, so that the CA would not find our token. It is taken back in when it returns
    /// while the campaign runs.</summary>
    Left,

    /// <summary>The domain is being deleted, or lost its name to another account.</summary>
    Gone,

    /// <summary>Another campaign has it.</summary>
    OtherCampaign,
}
