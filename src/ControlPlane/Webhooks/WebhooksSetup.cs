using ControlPlane.Jobs;
using ControlPlane.Vault;
using ControlPlane.Webhooks.Sending;

namespace ControlPlane.Webhooks;

/// <summary>Webhooks: kept on every replica, sent to by those that run jobs and open the vault.</summary>
internal static class WebhooksSetup
{
    public static void AddWebhooks(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<WebhookOptions>().BindConfiguration(WebhookOptions.Section);
        services.AddSingleton<WebhookRules>();
        services.AddSingleton<SecretSeal>();
        services.AddSingleton<DeliveryRecord>();
        services.AddSingleton<WebhookTurn>();
        var jobs = builder.Configuration.GetSection("Jobs").Get<JobOptions>() ?? new JobOptions();
        if (jobs.Enabled && VaultOptions.Of(builder.Configuration).CanOpen)
        {
            services.AddHostedService<WebhookDispatch>();
        }
    }

    public static void MapWebhooks(this WebApplication app)
    {
        var webhooks = app.MapGroup("/v1/webhooks").WithTags("Webhooks");
        MakeWebhook.Map(webhooks);
        KeepWebhook.Map(webhooks);
        WebhookSecrets.Map(webhooks);
        Deliveries.Map(webhooks);
        ResendDeliveries.Map(webhooks);
    }
}
