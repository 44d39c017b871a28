using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Campaigns;

/// <summary>POST /v1/campaigns/{id}/start, /pause, /resume and /abort.</summary>
internal static class CommandCampaign
{
    private delegate Task<Problem?> Move(
        NpgsqlConnection connection, Guid id, DateTimeOffset now, CancellationToken ct);

    public static void Map(RouteGroupBuilder campaigns)
    {
        Map(
            campaigns, "start", "StartCampaign", "Start a campaign",
            "Judges and foretells anew, then opens successors in the order of rank, as many at a time as the CA's "
            + "calls allow, behind all new domains. A rehearsal is over at once. Repeated, it changes nothing.",
            moves => moves.StartAsync, CampaignExamples.Running);
        Map(
            campaigns, "pause", "PauseCampaign", "Pause a campaign",
            "From the answer on, no successor is opened. Those under way go on.",
            moves => moves.PauseAsync, CampaignExamples.Paused);
        Map(
            campaigns, "resume", "ResumeCampaign", "Resume a campaign",
            "Goes on where it was paused, and foretells the rest anew.", moves => moves.ResumeAsync,
            CampaignExamples.Running);
        Map(
            campaigns, "abort", "AbortCampaign", "Abort a campaign",
            "For good. No successor is opened any more; what is ordered is never taken back, and comes to its end.",
            moves => moves.AbortAsync, CampaignExamples.Aborted);
    }

    private static void Map(
        RouteGroupBuilder campaigns, string word, string name, string summary, string description,
        Func<CampaignMoves, Move> choose, CampaignView example) =>
        campaigns.MapPost(
                $"{{id:guid}}/{word}",
                (Guid id, ControlPlaneDb db, CampaignMoves moves, TimeProvider time) =>
                    RunAsync(id, choose(moves), db, time))
            .RequireAuthorization(AccessPolicy.Admin)
            .WithName(name).WithSummary(summary)
            .Documented(description, Problems.NotFound, CampaignProblems.Stands)
            .Example(null, example).Produces<CampaignView>();

    /// <summary>Goes on when the caller hangs up: who commands must not have to wonder whether it came to
    /// pass.</summary>
    private static async Task<IResult> RunAsync(Guid id, Move move, ControlPlaneDb db, TimeProvider time)
    {
        var now = time.NowStored();
        await using (var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None))
        {
            var connection = (NpgsqlConnection)db.Database.GetDbConnection();
            if (await move(connection, id, now, CancellationToken.None) is { } refusal)
            {
                return refusal;
            }

            await transaction.CommitAsync(CancellationToken.None);
        }

        var campaign = await db.Campaigns.AsNoTracking().SingleAsync(row => row.Id == id, CancellationToken.None);
        return TypedResults.Ok(await CampaignView.OfAsync(db, campaign, now, CancellationToken.None));
    }
}
