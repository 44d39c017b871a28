using ControlPlane.Campaigns.Planning;
using FluentValidation;

namespace ControlPlane.Campaigns;

/// <summary>Replacement of many certificates by a deadline: planned and commanded on every replica, worked off by those
/// that run jobs.</summary>
internal static class CampaignsSetup
{
    /// <summary>All that the API and the command line share.</summary>
    public static void AddCampaigns(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<CampaignOptions>().BindConfiguration("Campaigns")
            .Validate(
                options => options.OrdersPerTurn is >= 1 and <= 100, "Campaigns:OrdersPerTurn must be 1 to 100.")
            .ValidateOnStart();
        services.AddSingleton(CallCosts.Read(builder.Configuration));
        services.AddSingleton<CampaignForecast>();
        services.AddSingleton<CampaignMoves>();
        services.AddSingleton<MakePlan>();
        services.AddSingleton<IValidator<CampaignRequest>, CampaignRequest.Rules>();
    }

    public static void MapCampaigns(this WebApplication app)
    {
        var campaigns = app.MapGroup("/v1/campaigns").WithTags("Campaigns");
        MakeCampaign.Map(campaigns);
        CommandCampaign.Map(campaigns);
        ReadCampaigns.Map(campaigns);
    }
}
