using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;

namespace ControlPlane.Nodes.Withdrawals;

/// <summary>What an operator sees and does when too many names are withdrawn at once.</summary>
internal static class WithdrawalRoutes
{
    private static readonly HeldWithdrawal Held = new(
        NodeExamples.Desired.Domain, NodeExamples.Desired.Hostname, Examples.At, Examples.At.AddSeconds(1));

    public static void Map(RouteGroupBuilder fleets)
    {
        fleets.MapGet("/{fleet}/withdrawals", ReadWithdrawals.HandleAsync).RequireAuthorization(AccessPolicy.Support)
            .WithName("ListHeldWithdrawals").WithSummary("List held withdrawals")
            .Documented(
                "More than 20 withdrawals, or 5 % of the fleet's names if that is more, within any rolling hour are "
                + "held: the names are served on until an admin approves. The list says how many may go without.",
                Problems.InvalidField, Problems.NotFound)
            .Example(null, new WithdrawalsView(1, Held.HeldAt, 20, [Held], null));
        fleets.MapPost("/{fleet}/withdrawals/approve", ApproveWithdrawals.HandleAsync)
            .RequireAuthorization(AccessPolicy.Admin)
            .WithName("ApproveWithdrawals").WithSummary("Approve held withdrawals")
            .Documented(
                "Lets go what was held until `heldUntil`, as the list gave it, and nothing that was held since. The "
                + "nodes are told the approval's id and take the names off, however many they are.",
                Problems.InvalidField, Problems.NotFound)
            .Example(
                new WithdrawalApproval(Held.HeldAt, "Tenant acme leaves."),
                new ApprovedWithdrawals(Guid.Parse("019cadc6-5e6f-7a8b-9c0d-1e2f3a4b5c6d"), 1));
    }
}
