using ControlPlane.Contracts;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using ControlPlane.Nodes;

namespace ControlPlane.Adoptions;

/// <summary>Certificates that nodes serve already are taken over instead of bought again.</summary>
internal static class AdoptionsSetup
{
    public static void AddAdoptions(this WebApplicationBuilder builder) =>
        builder.Services.AddSingleton<AdoptBundle>();

    public static void MapAdoptions(this WebApplication app)
    {
        MapOperators(app.MapGroup("/v1/adoptions").WithTags("Adoptions"));
        MapAgents(app.MapGroup("").WithTags("Agents"));
    }

    private static void MapOperators(RouteGroupBuilder adoptions)
    {
        adoptions.MapPost("", OpenAdoption.HandleAsync).RequireAuthorization(AccessPolicy.Admin)
            .WithName("OpenAdoption").WithSummary("Open an adoption")
            .Documented(
                "Lets one node of the fleet, the first that uses the code, hand in certificates with their private "
                + "keys: `sync-agent adopt --code-file … --apply`. Only for names that were registered with `adopt`. "
                + "The code is shown this once.",
                Problems.InvalidField, AdoptionProblems.NoVaultHere, NodeProblems.VaultAway)
            .Example(new OpenAdoptionRequest("local", 60), AdoptionExamples.Opened);
        adoptions.MapGet("", KeepAdoptions.ListAsync).RequireAuthorization(AccessPolicy.Support)
            .WithName("ListAdoptions").WithSummary("List adoptions")
            .Documented(
                "Newest first, with who used it and what became of what was handed in.", Problems.InvalidField)
            .Example(null, new Page<AdoptionView>([AdoptionExamples.Used], null));
        adoptions.MapGet("/{adoption:guid}", KeepAdoptions.OneAsync).RequireAuthorization(AccessPolicy.Support)
            .WithName("ReadAdoption").WithSummary("Read an adoption")
            .Documented("Who used it, and what became of what was handed in.", Problems.NotFound)
            .Example(null, AdoptionExamples.Used);
        adoptions.MapDelete("/{adoption:guid}", KeepAdoptions.CloseAsync).RequireAuthorization(AccessPolicy.Admin)
            .WithName("CloseAdoption").WithSummary("Close an adoption")
            .Documented(
                "Nothing can be handed in under its code any more. What was handed in goes on. Closing twice changes "
                + "nothing.",
                Problems.NotFound)
            .Example(null, "").Produces(StatusCodes.Status204NoContent);
    }

    private static void MapAgents(RouteGroupBuilder agents)
    {
        var node = agents.MapGroup("").RequireAuthorization(AccessPolicy.Node).WithBodyLimit(Routes.MaxAgentBodyBytes);
        node.MapPost(Routes.AdoptionPlan, PlanAdoption.HandleAsync)
            .WithName("PlanAdoption").WithSummary("Ask what can be adopted")
            .Documented(
                "What would become of bundles in the node's directory, at most 1,000 by name and fingerprint. Changes "
                + "nothing. With a code, the answer holds the key to seal private keys to.",
                Problems.InvalidField, AdoptionProblems.NotOpen, NodeProblems.NodeTokenRefused)
            .Example(AdoptionExamples.Question, AdoptionExamples.Answer);
        node.MapPost(Routes.AdoptedBundles, HandInBundles.HandleAsync)
            .WithName("HandInBundles").WithSummary("Hand in bundles to adopt")
            .Documented(
                "At most 40, each with its private key sealed (HPKE, RFC 9180) to the adoption's key. Only for names "
                + "of the node's fleet that were registered with `adopt` and have no bundle yet. Each is looked at "
                + "within seconds; `/v1/adoptions/plan` tells what became of it. Repeated, it changes nothing.",
                Problems.InvalidField, AdoptionProblems.NotOpen, NodeProblems.NodeTokenRefused)
            .Example(AdoptionExamples.HandedIn, AdoptionExamples.Taken);
    }
}
