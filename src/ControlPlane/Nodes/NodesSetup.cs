using ControlPlane.Contracts;
using ControlPlane.Http.Access;
using ControlPlane.Nodes.Access;
using ControlPlane.Nodes.Digests;
using ControlPlane.Nodes.Epochs;
using ControlPlane.Nodes.Fleets;
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
        services.AddSingleton<NodePace>();
        services.AddSingleton<DesiredStateWaiters>();
        services.AddSingleton<DesiredStateReader>();
        services.AddSingleton<SharedPages>();
        services.AddSingleton<RolloutGates>();
        services.AddSingleton<RolloutSteps>();
        services.AddHostedService(all => all.GetRequiredService<RolloutSteps>());
        services.AddSingleton<FleetDigests>();
        services.AddSingleton<DifferingRows>();
        services.AddSingleton<ReleasableBundles>();
        services.AddSingleton<FetchBundles>();
        services.AddHostedService<DefaultFleet>();
        services.AddSingleton<RaiseEpoch>();
        services.AddSingleton<NodeAhead>();
        services.AddSingleton<CollectionPause>();
        services.AddSingleton<DatabaseLineage>();
        // Before any job: what the jobs may do depends on it.
        services.AddHostedService(all => all.GetRequiredService<DatabaseLineage>());
        services.AddSingleton<DesiredStatePublisher>();
        services.AddSingleton<IDesiredStatePublisher>(all => all.GetRequiredService<DesiredStatePublisher>());
        services.AddHostedService(all => all.GetRequiredService<DesiredStatePublisher>());
        services.AddHostedService<DesiredStateListener>();
    }
}
