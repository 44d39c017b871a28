using FluentValidation;

namespace ControlPlane.Webhooks;

/// <summary>A webhook as the API shows it. Never a secret.</summary>
/// <param name="Id">Names it.</param>
/// <param name="TenantId">Whose events it is told.</param>
/// <param name="Url">Where they are posted.</param>
/// <param name="Description">For people.</param>
/// <param name="EventTypes">What is sent; empty: what a portal acts upon. <c>*</c>: every event.</param>
/// <param name="Enabled">Whether anything is sent.</param>
/// <param name="DisabledBecause">Why not; null while it is enabled.</param>
/// <param name="Cursor">Every event up to this id was taken, was not asked for, or is among the deliveries.</param>
/// <param name="FailingSince">When it began to take nothing; null when the last attempt went well.</param>
/// <param name="HeldUntil">Nothing is sent before: it failed several times in a row, or asked for it.</param>
/// <param name="LastDeliveredAt">When it took something for the last time.</param>
/// <param name="CreatedAt">When it was made.</param>
internal sealed record WebhookView(
    Guid Id,
    Guid TenantId,
    string Url,
    string Description,
    IReadOnlyList<string> EventTypes,
    bool Enabled,
    DisabledBecause? DisabledBecause,
    long Cursor,
    DateTimeOffset? FailingSince,
    DateTimeOffset? HeldUntil,
    DateTimeOffset? LastDeliveredAt,
    DateTimeOffset CreatedAt)
{
    public static WebhookView Of(Webhook row) => new(
        row.Id, row.TenantId, row.Url, row.Description, row.EventTypes, row.Enabled, row.DisabledBecause, row.Cursor,
        row.FailingSince, row.HeldUntil, row.LastDeliveredAt, row.CreatedAt);
}

/// <summary>A webhook to make.</summary>
/// <param name="Url">Where to post: https, without user name and fragment, at most 2,000 characters.</param>
/// <param name="EventTypes">What to send, up to 50 types as events have them, or <c>*</c>; what a portal acts upon when
/// left out.</param>
/// <param name="Description">For people, up to 100 characters.</param>
/// <param name="After">Begin after this event; with what happens from now on when left out.</param>
/// <param name="Tenant">Whose, by name or id. Operators must give it, portals must not.</param>
internal sealed record CreateWebhook(
    string? Url, IReadOnlyList<string>? EventTypes = null, string? Description = null, long? After = null,
    string? Tenant = null)
{
    internal sealed class Rules : AbstractValidator<CreateWebhook>
    {
        public Rules(WebhookRules rules)
        {
            RuleFor(body => body.Url).Must(url => rules.Address(url) is not null).WithMessage(rules.AddressRule);
            RuleFor(body => body.EventTypes).Must(WebhookRules.AreTypes).WithMessage(WebhookRules.TypesRule);
            RuleFor(body => body.Description).Must(WebhookRules.IsDescription)
                .WithMessage(WebhookRules.DescriptionRule);
            RuleFor(body => body.After).Must(after => after is null or >= 0).WithMessage("after must not be negative.");
        }
    }
}

/// <summary>What to change; what is left out stays.</summary>
/// <param name="Url">Where to post.</param>
/// <param name="EventTypes">What to send; an empty list: what a portal acts upon.</param>
/// <param name="Description">For people; empty for none.</param>
/// <param name="Enabled"><c>false</c> keeps what happens for later; <c>true</c> goes on where it stopped.</param>
internal sealed record ChangeWebhook(
    string? Url = null, IReadOnlyList<string>? EventTypes = null, string? Description = null, bool? Enabled = null)
{
    internal sealed class Rules : AbstractValidator<ChangeWebhook>
    {
        public Rules(WebhookRules rules)
        {
            RuleFor(body => body.Url).Must(url => url is null || rules.Address(url) is not null)
                .WithMessage(rules.AddressRule);
            RuleFor(body => body.EventTypes).Must(WebhookRules.AreTypes).WithMessage(WebhookRules.TypesRule);
            RuleFor(body => body.Description).Must(WebhookRules.IsDescription)
                .WithMessage(WebhookRules.DescriptionRule);
        }
    }
}

/// <summary>Which events to send once more.</summary>
/// <param name="After">All after this one; 0 for all there are.</param>
internal sealed record ResendEvents(long? After)
{
    internal sealed class Rules : AbstractValidator<ResendEvents>
    {
        public Rules() => RuleFor(body => body.After).Must(after => after >= 0)
            .WithMessage("after must be the id of an event, or 0.");
    }
}

/// <summary>A secret without itself.</summary>
/// <param name="Id">Names it.</param>
/// <param name="CreatedAt">When it was made.</param>
internal sealed record WebhookSecretView(Guid Id, DateTimeOffset CreatedAt);

/// <summary>A new webhook, with its secret for the only time.</summary>
/// <param name="Webhook">The webhook.</param>
/// <param name="Secret">What its posts are signed with, <c>whsec_</c> and base64. It cannot be shown again.</param>
internal sealed record CreatedWebhook(WebhookView Webhook, string Secret)
{
    public override string ToString() => $"CreatedWebhook {{ Webhook = {Webhook.Id} }}";
}

/// <summary>A new secret, for the only time.</summary>
/// <param name="Key">Its record.</param>
/// <param name="Secret"><c>whsec_</c> and base64. It cannot be shown again.</param>
internal sealed record CreatedWebhookSecret(WebhookSecretView Key, string Secret)
{
    public override string ToString() => $"CreatedWebhookSecret {{ Key = {Key.Id} }}";
}

/// <summary>A delivery that did not go well at once, or a test.</summary>
/// <param name="Id">Names it.</param>
/// <param name="Event">The event's id; null for a test.</param>
/// <param name="Status">How far it is.</param>
/// <param name="Attempts">Since it was made or resent.</param>
/// <param name="NextAttemptAt">When it is tried again; null when it came to an end.</param>
/// <param name="LastAttemptAt">When it was tried for the last time.</param>
/// <param name="LastStatus">What the receiver answered; null when it did not.</param>
/// <param name="LastFault">Why that was no success.</param>
/// <param name="CreatedAt">When the first attempt failed, or the test was asked for.</param>
internal sealed record DeliveryView(
    Guid Id, long? Event, DeliveryState Status, int Attempts, DateTimeOffset? NextAttemptAt,
    DateTimeOffset? LastAttemptAt, int? LastStatus, string? LastFault, DateTimeOffset CreatedAt)
{
    public static DeliveryView Of(WebhookDelivery row) => new(
        row.Id, row.EventId, row.Status, row.Attempts, row.NextAttemptAt, row.LastAttemptAt, row.LastStatus,
        row.LastFault, row.CreatedAt);
}
