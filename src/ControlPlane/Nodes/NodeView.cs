using System.Linq.Expressions;
using ControlPlane.Contracts;
using ControlPlane.Database;

namespace ControlPlane.Nodes;

/// <summary>A node as operators see it.</summary>
internal sealed record NodeView
{
    public required Guid Id { get; init; }

    /// <summary>Name of its fleet.</summary>
    public required string Fleet { get; init; }

    /// <summary>Its name within the fleet.</summary>
    public required string Name { get; init; }

    /// <summary>It counts for proofs only while serving.</summary>
    public required NodeStanding Standing { get; init; }

    /// <summary>Where its port 80 is reached.</summary>
    public required string HttpEndpoint { get; init; }

    public required string AgentVersion { get; init; }

    /// <summary>As HAProxy prints it; null before the first report, and while HAProxy cannot be reached.</summary>
    public required string? HAProxyVersion { get; init; }

    /// <summary>When the worker that answered was started.</summary>
    public required DateTimeOffset? HAProxyStartedAt { get; init; }

    /// <summary>Epoch and revision of the newest desired state it has recorded.</summary>
    public required long Epoch { get; init; }

    /// <inheritdoc cref="Epoch"/>
    public required long Revision { get; init; }

    /// <summary>The fleet's own; the difference is how far the node is behind.</summary>
    public required long FleetRevision { get; init; }

    /// <summary>Domains it serves, proven.</summary>
    public required int Domains { get; init; }

    /// <summary>Domains it refused.</summary>
    public required int Refused { get; init; }

    /// <summary>Names it serves that this database does not want; see <c>/v1/fleets/{fleet}/strays</c>.</summary>
    public required int Strays { get; init; }

    /// <summary>Time of the newest answer it has accepted; null before the first.</summary>
    public required DateTimeOffset? FreshAt { get; init; }

    /// <summary>What the agent is alarmed about; it goes on serving.</summary>
    public required IReadOnlyList<NodeAlarmView> Alarms { get; init; }

    /// <summary>When it enrolled.</summary>
    public required DateTimeOffset JoinedAt { get; init; }

    /// <summary>When its last report came that told of a HAProxy.</summary>
    public required DateTimeOffset LastSeenAt { get; init; }

    /// <summary>When its keys were banned.</summary>
    public required DateTimeOffset? BannedAt { get; init; }

    /// <summary>Nodes in order of enrolment, retired ones included.</summary>
    public static IQueryable<NodeView> From(ControlPlaneDb db, Expression<Func<Node, bool>> which) =>
        from node in db.Nodes.Where(which)
        join fleet in db.Fleets on node.FleetId equals fleet.Id
        orderby node.Id
        select new NodeView
        {
            Id = node.Id,
            Fleet = fleet.Name,
            Name = node.Name,
            Standing = node.Standing,
            HttpEndpoint = node.HttpEndpoint,
            AgentVersion = node.AgentVersion,
            HAProxyVersion = node.HAProxyVersion,
            HAProxyStartedAt = node.HAProxyStartedAt,
            Epoch = node.Epoch,
            Revision = node.Revision,
            FleetRevision = fleet.Revision,
            Domains = db.NodeObservations.Count(
                row => row.NodeId == node.Id && row.State == ObservedDomainState.Serving),
            Refused = db.NodeObservations.Count(
                row => row.NodeId == node.Id && row.State == ObservedDomainState.Refused),
            Strays = node.Strays,
            FreshAt = node.FreshAt,
            Alarms = db.NodeAlarms.Where(row => row.NodeId == node.Id).OrderBy(row => row.Code)
                .Select(row => new NodeAlarmView(row.Code, row.Detail, row.Since)).ToList(),
            JoinedAt = node.JoinedAt,
            LastSeenAt = node.LastSeenAt,
            BannedAt = node.BannedAt,
        };
}

/// <summary>Something an agent is alarmed about.</summary>
/// <param name="Code"><c>answer-older</c>, <c>answer-stale</c>, <c>state-damaged</c>, <c>memory-drift</c>
/// or <c>record-drift</c>.</param>
/// <param name="Detail">In a sentence.</param>
/// <param name="Since">When we first heard of it.</param>
internal sealed record NodeAlarmView(string Code, string Detail, DateTimeOffset Since);
