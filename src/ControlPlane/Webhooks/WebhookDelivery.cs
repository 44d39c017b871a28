namespace ControlPlane.Webhooks;

/// <summary>An event that a receiver did not take at the first attempt, or a test. What went well at once leaves no
/// row.</summary>
internal sealed class WebhookDelivery
{
    public required Guid Id { get; init; }

    public required Guid WebhookId { get; init; }

    /// <summary>Null for a test.</summary>
    public required long? EventId { get; init; }

    public DeliveryState Status { get; private set; } = DeliveryState.Retrying;

    /// <summary>Since it was made or resent.</summary>
    public int Attempts { get; private set; }

    public required DateTimeOffset? NextAttemptAt { get; set; }

    public DateTimeOffset? LastAttemptAt { get; private set; }

    /// <summary>What the receiver answered; null when it did not.</summary>
    public int? LastStatus { get; private set; }

    public string? LastFault { get; private set; }

    public required DateTimeOffset CreatedAt { get; init; }

    public bool IsTest => EventId is null;

    public void Succeeded(int status, DateTimeOffset now)
    {
        Attempts++;
        (LastStatus, LastFault, LastAttemptAt) = (status, null, now);
        (Status, NextAttemptAt) = (DeliveryState.Delivered, null);
    }

    /// <summary>Tried again later, or dead. A test is not repeated: whoever asked waits for its end.</summary>
    public void Failed(int? status, string fault, DateTimeOffset now)
    {
        (LastStatus, LastFault, LastAttemptAt) = (status, fault, now);
        NextAttemptAt = IsTest ? null : Sending.DeliverySchedule.After(++Attempts, now);
        Status = NextAttemptAt is null ? DeliveryState.Dead : DeliveryState.Retrying;
    }

    /// <summary>Once more from the start.</summary>
    public void Resend(DateTimeOffset now) => (Status, Attempts, NextAttemptAt) = (DeliveryState.Retrying, 0, now);
}

/// <summary>How far a delivery is.</summary>
internal enum DeliveryState
{
    /// <summary>Waits for its next attempt.</summary>
    Retrying,

    /// <summary>The receiver took it in the end. Such rows are kept for thirty days.</summary>
    Delivered,

    /// <summary>Given up after the last attempt of the schedule; it can be resent. Kept for thirty days.</summary>
    Dead,
}
