using ControlPlane.Audit.Requests;
using ControlPlane.Domains;
using ControlPlane.Domains.Reading;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using ControlPlane.Nodes.Releases;

namespace ControlPlane.Nodes.Banning;

/// <summary>What an operator asks and does when a node was stolen.</summary>
internal static class BanRoutes
{
    private static readonly EventView Banned = new(
        43, Examples.At, EventTypes.NodeBanned, "Node node-1 is banned: it is refused everywhere. Disk stolen.", null,
        null, NodeExamples.Serving.Id, Data: null);

    private static readonly ExposedBundleView Exposed = new()
    {
        Domain = NodeExamples.Desired.Domain,
        Hostname = NodeExamples.Desired.Hostname,
        Bundle = NodeExamples.Desired.Bundle,
        Serial = NodeExamples.Desired.Serial,
        Fingerprint = NodeExamples.Desired.Fingerprint,
        NotAfter = NodeExamples.Desired.NotAfter,
        FirstReleasedAt = Examples.At,
        LastReleasedAt = Examples.At.AddDays(3),
        Releases = 2,
        SealingKey = "0123456789abcdef0123456789abcdef",
        InUse = true,
        ReplacedBy = null,
        ReplacedAt = null,
        KeyDeletedAt = null,
        DomainDeletedAt = null,
    };

    private static readonly RekeyView Rekey = new()
    {
        Node = NodeExamples.Serving.Id,
        BannedAt = Examples.At,
        BanReason = "Disk stolen.",
        AskedAt = Examples.At,
        FinishedAt = null,
        Total = 25,
        Waiting = 0,
        Ordered = 1,
        Replaced = 24,
        Failed = 0,
        NotNeeded = 0,
        Items =
        [
            new ReplacementView
            {
                Rank = 1,
                Domain = NodeExamples.Desired.Domain,
                Hostname = NodeExamples.Desired.Hostname,
                Bundle = NodeExamples.Desired.Bundle,
                Fingerprint = NodeExamples.Desired.Fingerprint,
                State = ReplacementState.Ordered,
                Order = Guid.Parse("019cadc6-0a28-7f02-92a4-7c6b5a493827"),
                Reason = Reasons.CaValidating.Code,
                Detail = "The nodes gave it back to us.",
                Attempts = 0,
                NextAttemptAt = null,
                SettledAt = null,
            },
        ],
        NextCursor = null,
    };

    public static void Map(RouteGroupBuilder nodes)
    {
        nodes.MapPost("/{node}/ban", BanNode.HandleAsync).RequireAuthorization(AccessPolicy.Admin)
            .WithName("BanNode").WithSummary("Ban a node")
            .Documented(
                "For a node whose keys are in other hands. It is refused on every replica within 60 s, its waiting "
                + "calls end, nothing is sealed for it any more, and no proof counts it. With `rekey: true` every key "
                + "that it could read and that is in use is replaced, most exposed first: what is served now before "
                + "what is being rolled out, then what the node has had for longest. Follow `/v1/nodes/{node}/rekey`. "
                + "Every certificate over a key that it could read, in use or not, is revoked as compromised once "
                + "nobody is served with it, unless `revoke` is false. "
                + "Banning again with `rekey: true` adds what is missing and repeats nothing; failed replacements are "
                + "tried again at once. Without a body the node is only banned. There is no way back: enrol it anew.",
                Problems.NotFound, Problems.InvalidField, NodeProblems.NodeAmbiguous)
            .Example(
                new BanRequest(true, "Disk stolen."),
                NodeExamples.Serving with { Standing = NodeStanding.Retired, BannedAt = Examples.At });
        nodes.MapGet("/{node}/rekey", ReadRekey.HandleAsync).RequireAuthorization(AccessPolicy.Support)
            .WithName("ReadRekey").WithSummary("Follow the replacement of a banned node's keys")
            .Documented(
                "How many bundles must be replaced and how far that is, then each of them, most exposed first. "
                + "`waiting`: no order yet; `ordered`: on the path, with what it waits for; `replaced`: a bundle that "
                + "the node never read is proven on every serving node; `failed`: tried again at `nextAttemptAt`; "
                + "`notNeeded`: the domain was deleted, or another account has the name.",
                Problems.NotFound, Problems.InvalidField, NodeProblems.NodeAmbiguous)
            .Example(null, Rekey);
        nodes.MapGet("/{node}/exposure", ReadExposure.HandleAsync).RequireAuthorization(AccessPolicy.Support)
            .Audited()
            .WithName("ReadExposure").WithSummary("List the keys a node could read")
            .Documented(
                "Exactly the bundles that were released to the node, in the order of their first release, banned and "
                + "retired nodes included. Every release is recorded before the key leaves, so that what is not here "
                + "the node never had.",
                Problems.NotFound, Problems.InvalidField, NodeProblems.NodeAmbiguous)
            .Example(null, new Page<ExposedBundleView>([Exposed], null));
        nodes.MapGet("/{node}/events", NodeEvents.ReadAsync).RequireAuthorization(AccessPolicy.Support)
            .WithName("ReadNodeEvents").WithSummary("Read a node's events")
            .Documented(
                "Enrolment, standing, ban and the milestones of a rekey, oldest first. `after` leaves out what was "
                + "read before; `limit` 1 to 200.",
                Problems.NotFound, Problems.InvalidField, NodeProblems.NodeAmbiguous)
            .Example(null, new Page<EventView>([Banned], "43")).Produces<Page<EventView>>();
    }
}
