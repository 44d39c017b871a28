using System.Linq.Expressions;
using ControlPlane.Database;

namespace ControlPlane.Nodes;

/// <summary>A node as operators see it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Fleet">Name of its fleet.</param>
/// <param name="Name">Its name within the fleet.</param>
/// <param name="Standing">Joining, Serving, Lost, Draining or Retired.</param>
/// <param name="HttpEndpoint">Where its port 80 is reached.</param>
/// <param name="AgentVersion">Version of its agent.</param>
/// <param name="HAProxyVersion">As HAProxy prints it; null before the first report, or while HAProxy cannot be reached.</param>
/// <param name="HAProxyStartedAt">When the worker that answered was started.</param>
/// <param name="Revision">Newest desired state it has recorded.</param>
/// <param name="FleetRevision">The fleet's own; the difference is how far the node is behind.</param>
/// <param name="Domains">Domains it serves, proven.</param>
/// <param name="Refused">Domains it refused.</param>
/// <param name="JoinedAt">When it enrolled.</param>
/// <param name="LastSeenAt">When its last report came.</param>
/// <param name="BannedAt">When its credential was banned.</param>
internal sealed record NodeView(
    Guid Id,
    string Fleet,
    string Name,
    string Standing,
    string HttpEndpoint,
    string AgentVersion,
    string? HAProxyVersion,
    DateTimeOffset? HAProxyStartedAt,
    long Revision,
    long FleetRevision,
    int Domains,
    int Refused,
    DateTimeOffset JoinedAt,
    DateTimeOffset LastSeenAt,
    DateTimeOffset? BannedAt)
{
    /// <summary>All nodes, retired ones included, as a query.</summary>
    public static IQueryable<NodeView> From(ControlPlaneDb db, Expression<Func<Node, bool>> which) =>
        from node in db.Nodes.Where(which)
        join fleet in db.Fleets on node.FleetId equals fleet.Id
        orderby node.Id
        select new NodeView(
            node.Id,
            fleet.Name,
            node.Name,
            node.Standing.ToString(),
            node.HttpEndpoint,
            node.AgentVersion,
            node.HAProxyVersion,
            node.HAProxyStartedAt,
            node.Revision,
            fleet.Revision,
            db.NodeObservations.Count(
                row => row.NodeId == node.Id && row.State == Contracts.ObservedDomainState.Serving),
            db.NodeObservations.Count(
                row => row.NodeId == node.Id && row.State == Contracts.ObservedDomainState.Refused),
            node.JoinedAt,
            node.LastSeenAt,
            node.BannedAt);
}
