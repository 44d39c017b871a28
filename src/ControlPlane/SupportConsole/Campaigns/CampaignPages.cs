using ControlPlane.Campaigns;
using ControlPlane.Database;
using ControlPlane.SupportConsole.Pages;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.SupportConsole.Campaigns;

/// <summary>A campaign with those of its domains that a person looks for first, and what happened to it.</summary>
/// <param name="View">As the API shows it.</param>
/// <param name="Trouble">Failed, given up, or late.</param>
/// <param name="UnderWay">Their successors are on the path.</param>
/// <param name="Events">The latest first.</param>
internal sealed record CampaignBoard(
    CampaignView View, IReadOnlyList<CampaignDomainView> Trouble, IReadOnlyList<CampaignDomainView> UnderWay,
    IReadOnlyList<ToldEvent> Events);

/// <summary>Replacement campaigns: all of them, and each.</summary>
internal static class CampaignPages
{
    private const int MostCampaigns = 30;
    private const int MostDomains = 50;

    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet("campaigns", AllAsync).WithName("ConsoleCampaigns");
        pages.MapGet("campaigns/{id:guid}", OneAsync).WithName("ConsoleCampaign");
    }

    private static async Task<IResult> AllAsync(ControlPlaneDb db, TimeProvider time, CancellationToken ct)
    {
        var rows = await db.Campaigns.AsNoTracking().OrderByDescending(row => row.Id).Take(MostCampaigns)
            .ToListAsync(ct);
        var views = new List<CampaignView>();
        foreach (var row in rows)
        {
            views.Add(await CampaignView.OfAsync(db, row, time.NowStored(), ct));
        }

        return new HtmlPage<CampaignsPage>("Campaigns", views) { LiveSeconds = 5 };
    }

    private static async Task<IResult> OneAsync(Guid id, ControlPlaneDb db, TimeProvider time, CancellationToken ct)
    {
        if (await db.Campaigns.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, ct) is not { } campaign)
        {
            return Notice.Page(
                StatusCodes.Status404NotFound, "There is no such campaign.", "See all at /console/campaigns.");
        }

        var now = time.NowStored();
        var rows = db.CampaignDomains.AsNoTracking().Where(row => row.CampaignId == id);
        var view = await CampaignView.OfAsync(db, campaign, now, ct);
        var late = view.Late == 0 ? [] : await FirstAsync(
            rows.Where(row => row.State != CampaignDomainState.Failed)
                .Where(CampaignView.IsLate(campaign.Deadline, now)));
        var board = new CampaignBoard(
            view,
            [.. await FirstAsync(rows.Where(row => row.State == CampaignDomainState.Failed)), .. late],
            await FirstAsync(rows.Where(row => row.State == CampaignDomainState.Ordered)),
            await db.Events.AsNoTracking().Where(told => told.CampaignId == id).OrderByDescending(told => told.Id)
                .Take(MostDomains).Select(told => new ToldEvent(told.At, told.Type, told.Message, null, null))
                .ToListAsync(ct));
        return new HtmlPage<CampaignPage>("Campaign", board) { LiveSeconds = 2 };

        Task<List<CampaignDomainView>> FirstAsync(IQueryable<CampaignDomain> some) =>
            ReadCampaigns.Views(db, some).Take(MostDomains).ToListAsync(ct);
    }
}
