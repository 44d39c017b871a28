using ControlPlane.Contracts;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using ControlPlane.Nodes.Banning;
using ControlPlane.Nodes.Digests;
using ControlPlane.Nodes.Enrolling;
using ControlPlane.Nodes.Fleets;
using ControlPlane.Nodes.Observing;
using ControlPlane.Nodes.Publishing;
using ControlPlane.Nodes.Releases;

namespace ControlPlane.Nodes;

/// <summary>Every route of nodes: those of operators, then those of agents.</summary>
internal static class NodeRoutes
{
    public static void MapNodes(this IEndpointRouteBuilder app)
    {
        MapAdministration(app.MapGroup("/v1/nodes").WithTags("Nodes"));
        app.MapGroup("/v1/fleets").WithTags("Fleets").MapFleets();
        MapAgents(app.MapGroup("").WithTags("Agents"));
    }

    private static void MapAdministration(RouteGroupBuilder nodes)
    {
        nodes.MapGet("", ReadNodes.ListAsync).RequireAuthorization(AccessPolicy.Support)
            .WithName("ListNodes").WithSummary("List nodes")
            .Documented("All nodes in order of enrolment, retired ones included, with standing and progress.",
                Problems.InvalidField, Problems.FleetUnknown)
            .Example(null, new Page<NodeView>([NodeExamples.Serving], null));
        nodes.MapGet("/{node}", ReadNodes.OneAsync).RequireAuthorization(AccessPolicy.Support)
            .WithName("ReadNode").WithSummary("Read a node")
            .Documented(
                "Its standing, its HAProxy, and how far it is behind its fleet.",
                Problems.NotFound, NodeProblems.NodeAmbiguous)
            .Example(null, NodeExamples.Serving);
        nodes.MapPost("/join-codes", JoinCodes.HandleAsync).RequireAuthorization(AccessPolicy.Admin)
            .WithName("CreateJoinCode").WithSummary("Make a join code")
            .Documented("A one-time code with which one new node enrols. It is shown this once.", Problems.InvalidField)
            .WithoutLocation()
            .Example(new CreateJoinCode("local", 60), NodeExamples.JoinCode);
        nodes.MapPost("/{node}/drain", ChangeStanding.DrainAsync).RequireAuthorization(AccessPolicy.Admin)
            .WithName("DrainNode").WithSummary("Drain a node")
            .Documented("It is still served to, but no activation waits for it any more, until `/undrain`.",
                Problems.NotFound, NodeProblems.NodeRetired, NodeProblems.NodeAmbiguous)
            .Example(null, NodeExamples.Serving with { Standing = NodeStanding.Draining });
        nodes.MapPost("/{node}/undrain", ChangeStanding.UndrainAsync).RequireAuthorization(AccessPolicy.Admin)
            .WithName("UndrainNode").WithSummary("Take a drained node back")
            .Documented(
                "It joins once more, and counts as serving after its next report that shows all there is. A node that "
                + "is not being drained stays as it is.",
                Problems.NotFound, NodeProblems.NodeRetired, NodeProblems.NodeAmbiguous)
            .Example(null, NodeExamples.Serving with { Standing = NodeStanding.Joining });
        nodes.MapPost("/{node}/retire", ChangeStanding.RetireAsync).RequireAuthorization(AccessPolicy.Admin)
            .WithName("RetireNode").WithSummary("Retire a node")
            .Documented(
                "Gone for good: its token is refused and its name is free for a successor.",
                Problems.NotFound, NodeProblems.NodeAmbiguous)
            .Example(null, NodeExamples.Serving with { Standing = NodeStanding.Retired });
        BanRoutes.Map(nodes);
    }

    private static void MapAgents(RouteGroupBuilder agents)
    {
        agents.MapPost(Routes.Enrol, EnrolNode.HandleAsync).AllowAnonymous()
            .WithName("EnrolNode").WithSummary("Enrol a node")
            .Documented(
                "An agent exchanges a join code and its two public keys for the node's identity. Repeated with the "
                + "same code and keys, it gets the same answer.",
                Problems.InvalidField, NodeProblems.JoinCodeRefused, NodeProblems.NodeExists)
            .Example(NodeExamples.Enrol, NodeExamples.Enrolled);

        var node = agents.MapGroup("").RequireAuthorization(AccessPolicy.Node).WithBodyLimit(Routes.MaxAgentBodyBytes);
        node.MapGet(Routes.DesiredState, PollDesiredState.HandleAsync)
            .WithName("PollDesiredState").WithSummary("Wait for desired state")
            .Documented(
                "Upserts and tombstones after a cursor, at most 500 a page; waits up to 50 s for the next change. The "
                + "full list is pinned at the revision at which it began, and what changed since follows. Withdrawals "
                + "are kept for `Nodes:KeepTombstones`; a cursor from before is answered with 410. Compressed with br "
                + "or gzip when asked.",
                Problems.MalformedRequest, NodeProblems.HistoryGone, NodeProblems.NodeTokenRefused,
                NodeProblems.TooManyWaiting)
            .Example(null, NodeExamples.Page);
        node.MapPost(Routes.Digests, CompareDigests.HandleAsync)
            .WithName("CompareDigests").WithSummary("Compare a node's record")
            .Documented(
                "The node sends 4,096 digests of 8 bytes over what it has recorded, each over one bucket of (domain, "
                + "revision, fingerprint). Answered with what the fleet wants in the buckets that differ, at most "
                + "2,000 rows; with none when the epochs differ, as a poll will tell.",
                Problems.InvalidField, NodeProblems.HistoryGone, NodeProblems.NodeTokenRefused)
            .Example(NodeExamples.Digest, new DigestAnswer(1, 17, 1, [3358], [NodeExamples.Desired]));
        node.MapPost(Routes.FetchBundles, FetchBundles.HandleAsync)
            .WithName("FetchBundles").WithSummary("Fetch sealed bundles")
            .Documented(
                "At most 200 domains; each private key is sealed for the calling node alone (HPKE, RFC 9180). Every "
                + "release is recorded first, and a node gets at most `Nodes:ReleasesPerMinute` of them.",
                Problems.MalformedRequest, NodeProblems.ReleasesExhausted, NodeProblems.VaultAway,
                NodeProblems.NodeTokenRefused)
            .Example(new FetchBundlesRequest([NodeExamples.Desired.Domain], []), NodeExamples.Fetched);
        node.MapPut(Routes.ObservedState, RecordObservedState.HandleAsync)
            .WithName("RecordObservedState").WithSummary("Report observed state")
            .Documented(
                "Changed rows only, at most 1,000; without rows it is a heartbeat. A report that is not newer than the "
                + "last is answered and changes nothing.",
                Problems.InvalidField, NodeProblems.NodeTokenRefused)
            .Example(NodeExamples.Report, new ObservedStateReceipt(7, nameof(NodeStanding.Serving)));
    }
}
