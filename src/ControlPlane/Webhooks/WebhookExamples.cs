using ControlPlane.Domains;
using ControlPlane.Http.OpenApi;

namespace ControlPlane.Webhooks;

/// <summary>The webhook of the customer whom all examples tell of.</summary>
internal static class WebhookExamples
{
    public const string Secret = "whsec_…44 characters of base64…";

    public static readonly WebhookView Webhook = new(
        Guid.Parse("019cadc7-1b20-7c11-9d3e-4a5b6c7d8e9f"), Examples.Tenant.Id,
        "https://portal.example.com/hooks/domains", "portal",
        [EventTypes.DomainActive, EventTypes.DomainWaiting, EventTypes.DomainFailed], true, null, 42, null,
        null, Examples.At.AddSeconds(4), Examples.At);

    public static readonly WebhookSecretView SecretRecord = new(
        Guid.Parse("019cadc7-1b21-7a05-8c44-1f2e3d4c5b6a"), Examples.At);

    public static readonly DeliveryView Dead = new(
        Guid.Parse("019cadc8-2c30-7d22-8e4f-5a6b7c8d9e0f"), 42, DeliveryState.Dead, 12, null, Examples.At.AddDays(3),
        500, "Answered 500.", Examples.At);

    public static readonly DeliveryView Again = Dead with
    {
        Status = DeliveryState.Retrying,
        Attempts = 0,
        NextAttemptAt = Examples.At.AddDays(3),
    };

    public static readonly DeliveryView Test = Again with
    {
        Event = null,
        LastAttemptAt = null,
        LastStatus = null,
        LastFault = null,
    };
}
