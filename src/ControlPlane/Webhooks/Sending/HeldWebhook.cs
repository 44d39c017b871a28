namespace ControlPlane.Webhooks.Sending;

/// <summary>A webhook while one replica holds its lease and has its secrets open.</summary>
internal sealed class HeldWebhook(Webhook webhook, Receiver receiver, OpenedSecrets secrets, Func<bool> hasTime)
{
    /// <summary>As of the last record.</summary>
    public Webhook Webhook { get; private set; } = webhook;

    public Receiver Receiver => receiver;

    public OpenedSecrets Secrets => secrets;

    /// <summary>How often the cursor was set back when the turn began: it is moved only while that stands.</summary>
    public int Rewinds { get; } = webhook.Rewinds;

    /// <summary>Deleted, or taken over by another replica.</summary>
    public bool IsLost { get; set; }

    public bool HasTime => !IsLost && hasTime();

    public void Take(Webhook latest) => Webhook = latest;

    /// <summary>Whether the next event may leave.</summary>
    public bool GoesOn(DateTimeOffset now) =>
        HasTime && Webhook.Enabled && !Webhook.IsHeld(now) && Webhook.Rewinds == Rewinds;
}
