using System.Text.Json;
using ControlPlane.Domains;
using ControlPlane.Http;

namespace ControlPlane.Webhooks.Sending;

/// <summary>What is posted: the same bytes at each attempt, whoever sends. Thin; the feed and the domain stay the
/// truth.</summary>
/// <param name="Id">The event's id in the feed, to pass as <c>after</c>; null for a test.</param>
/// <param name="Type">A stable word.</param>
/// <param name="At">When it happened.</param>
/// <param name="Data">What happened, and how the domain stood then.</param>
internal sealed record WebhookMessage(long? Id, string Type, DateTimeOffset At, WebhookMessage.Content Data)
{
    private static readonly JsonSerializerOptions Json = Options();

    /// <param name="Domain">The domain it happened to.</param>
    /// <param name="Hostname">Its name.</param>
    /// <param name="Status">The domain as a whole.</param>
    /// <param name="Reason">Why it is not further, a code.</param>
    /// <param name="WaitingOn">Who must act next.</param>
    /// <param name="Message">A sentence for a person.</param>
    internal sealed record Content(
        Guid? Domain, string? Hostname, DomainStatus? Status, string? Reason, WaitingOn? WaitingOn, string Message);

    public static WebhookMessage Of(DomainEvent told) => new(told.Id, told.Type, told.At, new Content(
        told.DomainId, told.Data?.Hostname, told.Data?.Status, told.Data?.Reason, told.Data?.WaitingOn, told.Message));

    public static WebhookMessage Test(WebhookDelivery asked) => new(
        null, WebhookTypes.Test, asked.CreatedAt,
        new Content(null, null, null, null, null, "This is a test: nothing has happened."));

    /// <summary>The same at each attempt, and no other event's: numbers given out before a restore may be given out
    /// again until it is noticed, but not at the same second.</summary>
    public static string IdOf(DomainEvent told) => $"evt_{told.Id}_{told.At.ToUnixTimeSeconds()}";

    public static string IdOf(WebhookDelivery test) => $"test_{test.Id:N}";

    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, Json);

    private static JsonSerializerOptions Options()
    {
        var options = new JsonSerializerOptions();
        JsonSetup.Apply(options);
        return options;
    }
}
