namespace ControlPlane.Nodes.Epochs;

/// <summary>Why a fleet's epoch was raised.</summary>
internal enum EpochCause
{
    /// <summary>The rows live in another PostgreSQL cluster than before: they came out of a dump.</summary>
    OtherCluster,

    /// <summary>The cluster is on another timeline: it was recovered to a point in time, or a standby was
    /// promoted.</summary>
    OtherTimeline,

    /// <summary>A node has accepted an answer that this database does not remember to have given.</summary>
    NodeAhead,
}

/// <summary>A fleet's epoch was raised.</summary>
internal sealed class EpochBump
{
    public long Id { get; private set; }

    public required Guid FleetId { get; init; }

    public required long FromEpoch { get; init; }

    public required long ToEpoch { get; init; }

    public required EpochCause Cause { get; init; }

    /// <summary>Who showed what this database does not know.</summary>
    public Guid? NodeId { get; init; }

    public required string Detail { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>The newest thing the database remembered from before.</summary>
    public required DateTimeOffset DatabaseEndsAt { get; init; }

    /// <summary>Until then nothing is collected.</summary>
    public required DateTimeOffset CollectAfter { get; init; }

    public DateTimeOffset? CaListedAt { get; set; }
}

/// <summary>What an agent is alarmed about.</summary>
internal sealed class AlarmRow
{
    public required Guid NodeId { get; init; }

    public required string Code { get; init; }

    public required string Detail { get; init; }

    public required DateTimeOffset Since { get; init; }
}

/// <summary>A name that a node serves and this database does not want.</summary>
internal sealed class NodeStray
{
    public required Guid NodeId { get; init; }

    public required string Hostname { get; init; }

    public required string Fingerprint { get; init; }

    public required DateTimeOffset NotAfter { get; init; }
}

/// <summary>An order of ours at the CA without a row here.</summary>
internal sealed class FoundCaOrder
{
    /// <summary>The CA's name.</summary>
    public required string Ca { get; init; }

    public required string CaOrderId { get; init; }

    /// <summary>The id we gave it.</summary>
    public required Guid OrderId { get; init; }

    public required string Hostname { get; init; }

    public required string Status { get; set; }

    public required DateTimeOffset FoundAt { get; set; }
}
