using ControlPlane.Http;
using static ControlPlane.Http.WaitingOn;

namespace ControlPlane.Webhooks;

/// <summary>The problems only webhooks have.</summary>
internal static class WebhookProblems
{
    public static readonly ProblemKind TooMany = new(
        "too-many-webhooks", 409, Customer, $"The tenant has {Webhook.MostOfATenant} webhooks already.",
        "Delete one that is not needed, or let one receiver pass events on.");

    public static readonly ProblemKind TooManySecrets = new(
        "too-many-webhook-secrets", 409, Customer,
        $"The webhook has {WebhookSecret.MostOfAWebhook} secrets already.",
        "Delete the older one once your receiver knows the newer one, then ask again.");

    public static readonly ProblemKind LastSecret = new(
        "last-webhook-secret", 409, Customer, "The webhook has no other secret to sign with.",
        "Make another with POST /v1/webhooks/{id}/secrets, teach it to your receiver, then delete this one.");

    public static readonly ProblemKind NotReady = new(
        "webhooks-not-ready", 409, Operator, "There is no key yet that a secret could be sealed to.",
        "Start a replica that runs jobs with Vault:CanOpen; it makes the key within seconds. Then repeat the request.");

    /// <summary>All of them, for the list that holds every problem.</summary>
    public static readonly IReadOnlyList<ProblemKind> All = [TooMany, TooManySecrets, LastSecret, NotReady];
}
