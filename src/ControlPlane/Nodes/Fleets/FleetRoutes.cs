using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using ControlPlane.Nodes.Epochs;
using ControlPlane.Nodes.Withdrawals;

namespace ControlPlane.Nodes.Fleets;

/// <summary>Every route of fleets that this folder answers.</summary>
internal static class FleetRoutes
{
    public static void MapFleets(this RouteGroupBuilder fleets)
    {
        fleets.MapGet("", ReadFleets.ListAsync).RequireAuthorization(AccessPolicy.Support)
            .WithName("ListFleets").WithSummary("List fleets")
            .Documented(
                "Each with where its names lead, how its rollout stands, and its epoch: when and why it was last "
                + "raised, and until when nothing is collected.",
                Problems.InvalidField)
            .Example(null, new Page<FleetView>([NodeExamples.Restored], null));
        fleets.MapPost("", CreateFleet.HandleAsync).RequireAuthorization(AccessPolicy.Admin)
            .WithName("CreateFleet").WithSummary("Create a fleet")
            .Documented(
                "Its nodes serve the domains registered into it and no others. It has a way in of its own, a target, "
                + "addresses or both, which no other fleet shares. Nodes join with a join code that names it.",
                Problems.InvalidField, NodeProblems.FleetExists, NodeProblems.FleetWayTaken)
            .Example(
                new CreateFleetRequest("eu", "eu.edge.controlplane.example", ["198.51.100.7"], 1), NodeExamples.Made);
        fleets.MapGet("/{fleet}", ReadFleets.OneAsync).RequireAuthorization(AccessPolicy.Support)
            .WithName("ReadFleet").WithSummary("Read a fleet")
            .Documented("By id or by name.", Problems.NotFound)
            .Example(null, NodeExamples.Made);
        fleets.MapPost("/{fleet}/rollout/pause", SteerRollout.PauseAsync).RequireAuthorization(AccessPolicy.Admin)
            .WithName("PauseRollout").WithSummary("Pause a fleet's rollout")
            .Documented(
                "No change goes out to any node, canaries included, until it is resumed; what is served is served on, "
                + "and domains that wait show `rollout-paused`. Withdrawals go out all the same: a deletion or a ban "
                + "does not wait. A node that joins takes all there is. Pausing twice changes nothing.",
                Problems.NotFound, Problems.InvalidField)
            .Example(new PauseRollout("Maintenance of the load balancer."), NodeExamples.Paused);
        fleets.MapPost("/{fleet}/rollout/resume", SteerRollout.ResumeAsync).RequireAuthorization(AccessPolicy.Admin)
            .WithName("ResumeRollout").WithSummary("Resume a fleet's rollout")
            .Documented(
                "After a pause or a halt. What was held goes out, to canaries first where there are some. Refusals "
                + "count anew from now.",
                Problems.NotFound)
            .Example(null, NodeExamples.Made);
        fleets.MapPut("/{fleet}/rollout", SteerRollout.ChangeAsync).RequireAuthorization(AccessPolicy.Admin)
            .WithName("ChangeRollout").WithSummary("Change how changes go out")
            .Documented(
                "With `canaries`, so many of the nodes that serve, the first enrolled, see a change before the others "
                + "do; these follow when all canaries have answered for it. It costs each activation another round "
                + "trip of a node, which is why it is 0 unless asked for.",
                Problems.NotFound, Problems.InvalidField)
            .Example(new ChangeRollout(1), NodeExamples.Made);
        fleets.MapGet("/{fleet}/strays", ReadStrays.ListAsync).RequireAuthorization(AccessPolicy.Support)
            .WithName("ListStrays").WithSummary("List forgotten names")
            .Documented(
                "After a restore: names that nodes serve, or that the CA took from us, and that this database does not "
                + "know. They are served on until somebody registers them again or takes them off the nodes.",
                Problems.InvalidField, Problems.NotFound)
            .Example(null, new Page<StrayView>([NodeExamples.Stray], null));
        WithdrawalRoutes.Map(fleets);
    }
}
