using ControlPlane.Campaigns.Planning;
using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.Idempotency;
using ControlPlane.Http.OpenApi;
using ControlPlane.Nodes;

namespace ControlPlane.Campaigns;

/// <summary>POST /v1/campaigns.</summary>
internal static class MakeCampaign
{
    public static void Map(RouteGroupBuilder campaigns) => campaigns.MapPost("", HandleAsync)
        .WithBodyLimit(Limits.MaxImportBytes).Validate<CampaignRequest>()
        .WithMetadata(new HonoursIdempotencyKey())
        .RequireAuthorization(AccessPolicy.Admin)
        .WithName("PlanCampaign").WithSummary("Plan the replacement of many certificates")
        .Documented(
            "Finds the certificates in use for which every criterion of `filter` holds, ranks them, and foretells how "
            + "long their replacement will take: how many calls at the CA, when the last will be proven on every node, "
            + "whether that is before the `deadline`, and which will not make it. **Nothing is replaced** until "
            + "`/start`. What a plan has found stays; certificates that are issued later are not in it. Plans that are "
            + "not started are forgotten after seven days. `revokeAfter` has each old certificate revoked, not before "
            + "every serving node has proven its successor; of what is ordered, after an abort too. With "
            + "`rehearse: true` a start plays the campaign on paper, over the rows as they are then and by the code "
            + "that starts real ones, and orders nothing.",
            Problems.InvalidField, Problems.MalformedJson, Problems.BodyTooLarge, Problems.NotFound,
            Problems.TenantUnknown, NodeProblems.NodeAmbiguous)
        .Example(CampaignExamples.Request, CampaignExamples.Planned)
        .Produces<CampaignView>(StatusCodes.Status201Created);

    private static async Task<IResult> HandleAsync(
        CampaignRequest body, HttpContext context, ControlPlaneDb db, MakePlan plans, TimeProvider time)
    {
        // Goes on when the caller hangs up: whoever repeats the call must find the first result.
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        var (campaign, refusal) = await plans.RunAsync(db, body, time.NowStored(), CancellationToken.None);
        if (campaign is null)
        {
            return refusal!;
        }

        var view = await CampaignView.OfAsync(db, campaign, time.NowStored(), CancellationToken.None);
        var location = $"/v1/campaigns/{campaign.Id}";
        await IdempotentRequest.RecordAsync(context, db, StatusCodes.Status201Created, location, view);
        await transaction.CommitAsync(CancellationToken.None);
        return TypedResults.Created(location, view);
    }
}
