using ControlPlane.Contracts;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Nodes.Access;
using ControlPlane.Nodes.Observing;
using ControlPlane.Nodes.Publishing;
using ControlPlane.Nodes.Releases;
using Microsoft.AspNetCore.Authentication;

namespace ControlPlane.Nodes;

/// <summary>Nodes and the wire: enrolment, desired state, bundle release, observed state, standing.</summary>
internal static class NodesSetup
{
    public static void AddNodes(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.Configure<NodeOptions>(builder.Configuration.GetSection("Nodes"));
        services.AddAuthentication()
            .AddScheme<AuthenticationSchemeOptions, NodeAuthentication>(AccessSetup.NodeScheme, null);
        services.ConfigureHttpJsonOptions(json =>
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, ContractsJson.Default));
        services.AddSingleton<NodeKeyCache>();
        services.AddSingleton<DesiredStateWaiters>();
        services.AddSingleton<DesiredStateReader>();
        services.AddSingleton<ReleasableBundles>();
        services.AddSingleton<FetchBundles>();
        services.AddHostedService<DefaultFleet>();
        services.AddSingleton<DesiredStatePublisher>();
        services.AddSingleton<IDesiredStatePublisher>(all => all.GetRequiredService<DesiredStatePublisher>());
        services.AddHostedService(all => all.GetRequiredService<DesiredStatePublisher>());
        services.AddHostedService<DesiredStateListener>();
    }

    public static void MapNodes(this IEndpointRouteBuilder app)
    {
        MapAdministration(app.MapGroup("/v1/nodes").WithTags("nodes"));
        MapAgents(app.MapGroup("").WithTags("agents"));
    }

    private static void MapAdministration(RouteGroupBuilder nodes)
    {
        nodes.MapGet("", ReadNodes.ListAsync).RequireAuthorization(AccessPolicy.Support).WithName("ListNodes")
            .WithSummary("List nodes")
            .WithDescription("All nodes in order of enrolment, retired ones included, with standing and progress.");
        nodes.MapGet("/{id:guid}", ReadNodes.OneAsync).RequireAuthorization(AccessPolicy.Support).WithName("GetNode")
            .WithSummary("Read a node")
            .WithDescription("Its standing, its HAProxy, and how far behind the fleet it is.");
        nodes.MapPost("/join-codes", JoinCodes.HandleAsync).RequireAuthorization(AccessPolicy.Admin)
            .WithName("CreateJoinCode").WithSummary("Make a join code")
            .WithDescription("A one-time code with which one new node enrols. It is shown this once.");
        nodes.MapPost("/{id:guid}/drain", ChangeStanding.DrainAsync).RequireAuthorization(AccessPolicy.Admin)
            .WithName("DrainNode").WithSummary("Drain a node")
            .WithDescription("It is still served to, but no activation waits for it any more.");
        nodes.MapPost("/{id:guid}/retire", ChangeStanding.RetireAsync).RequireAuthorization(AccessPolicy.Admin)
            .WithName("RetireNode").WithSummary("Retire a node")
            .WithDescription("Gone for good: its token is refused and its name is free for a successor.");
        nodes.MapPost("/{id:guid}/ban", ChangeStanding.BanAsync).RequireAuthorization(AccessPolicy.Admin)
            .WithName("BanNode").WithSummary("Ban a node")
            .WithDescription("For a node whose keys are in other hands: refused from its next call on, and retired.");
    }

    private static void MapAgents(RouteGroupBuilder agents)
    {
        agents.MapPost(Routes.Enrol, EnrolNode.HandleAsync).AllowAnonymous().WithName("EnrolNode")
            .WithSummary("Enrol a node")
            .WithDescription("An agent exchanges a join code and its two public keys for the node's identity.");

        var node = agents.MapGroup("").RequireAuthorization(AccessPolicy.Node).WithBodyLimit(Routes.MaxAgentBodyBytes);
        node.MapGet(Routes.DesiredState, PollDesiredState.HandleAsync).WithName("PollDesiredState")
            .WithSummary("Wait for desired state")
            .WithDescription(
                "Upserts and tombstones after a cursor, at most 500 a page; waits up to 50 s for the next change. "
                + "410 when the cursor's history is gone: ask again without since.");
        node.MapPost(
                Routes.FetchBundles,
                (FetchBundlesRequest body, FetchBundles fetch, HttpContext http, CancellationToken ct) =>
                    fetch.HandleAsync(NodeAuthentication.Caller(http), body, ct))
            .WithName("FetchBundles").WithSummary("Fetch sealed bundles")
            .WithDescription(
                "At most 200 domains; each private key is sealed for the calling node alone (HPKE, RFC 9180). Every release is "
                + "recorded first, and a node gets at most Nodes:ReleasesPerMinute of them.");
        node.MapPut(Routes.ObservedState, RecordObservedState.HandleAsync).WithName("RecordObservedState")
            .WithSummary("Report observed state")
            .WithDescription("Changed rows only, at most 1,000; without rows it is a heartbeat. An old number changes nothing.");
    }
}
