namespace ControlPlane.Webhooks;

/// <summary>An address of a tenant that is told of its events. The events are the queue; <see cref="Cursor"/> says how
/// far this one is.</summary>
internal sealed class Webhook
{
    /// <summary>How many a tenant may have.</summary>
    public const int MostOfATenant = 10;

    /// <summary>As many events in a row that fail are no bad events but a receiver that is down.</summary>
    public const int FailuresUntilHeld = 5;

    /// <summary>A receiver that takes nothing for so long is given up: a long weekend is shorter.</summary>
    public static readonly TimeSpan GivenUpAfter = TimeSpan.FromDays(5);

    public required Guid Id { get; init; }

    public required Guid TenantId { get; init; }

    public required string Url { get; set; }

    public required string Description { get; set; }

    /// <summary>Types to send; see <see cref="WebhookTypes"/>.</summary>
    public required string[] EventTypes { get; set; }

    public bool Enabled { get; private set; } = true;

    public DisabledBecause? DisabledBecause { get; private set; }

    /// <summary>Every event up to here was delivered, was not asked for, or has a row among the deliveries.</summary>
    public required long Cursor { get; set; }

    /// <summary>Times the cursor was set back. Whoever sends meanwhile must not move it forward again.</summary>
    public int Rewinds { get; private set; }

    /// <summary>Events that failed one after the other, since the last success. Repeats do not count.</summary>
    public int Failures { get; private set; }

    public DateTimeOffset? FailingSince { get; private set; }

    /// <summary>Pauses in a row; picks the next.</summary>
    public int Holds { get; private set; }

    /// <summary>Nothing is sent before.</summary>
    public DateTimeOffset? HeldUntil { get; private set; }

    public DateTimeOffset? LastDeliveredAt { get; private set; }

    /// <summary>When its last turn began, on the database's clock. Whose is longest ago is next.</summary>
    public DateTimeOffset? LastTurnAt { get; private set; }

    /// <summary>On the database's clock.</summary>
    public DateTimeOffset? LeaseUntil { get; set; }

    /// <summary>Of the one replica that sends to it at present.</summary>
    public Guid? LeaseToken { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    public bool IsHeld(DateTimeOffset now) => HeldUntil > now;

    /// <summary>It took one.</summary>
    /// <returns>True when it was held: what waits for it may go at once.</returns>
    public bool Succeeded(DateTimeOffset now)
    {
        var wasHeld = Holds > 0;
        LastDeliveredAt = now;
        Recover();
        return wasHeld;
    }

    /// <summary>It did not. After <see cref="FailuresUntilHeld"/> in a row it is left in peace for a while, longer each
    /// time; and when it says itself when to come back, until then.</summary>
    /// <param name="isRepeat">The event had failed before.</param>
    /// <param name="gone">It said that it will never take any more.</param>
    /// <param name="comeBackIn">What it asked for, if it did.</param>
    /// <param name="now">When.</param>
    /// <returns>True when it is disabled now and was not before.</returns>
    public bool Failed(bool isRepeat, bool gone, TimeSpan? comeBackIn, DateTimeOffset now)
    {
        Failures += isRepeat ? 0 : 1;
        FailingSince ??= now;
        if (Failures >= FailuresUntilHeld && !IsHeld(now))
        {
            HeldUntil = now + Sending.DeliverySchedule.Holds[Math.Min(Holds, Sending.DeliverySchedule.Holds.Count - 1)];
            Holds++;
        }

        if (comeBackIn is { } wait && (HeldUntil is null || now + wait > HeldUntil))
        {
            HeldUntil = now + wait;
            Holds = Math.Max(Holds, 1);
        }

        if (!Enabled || !(gone || now - FailingSince >= GivenUpAfter))
        {
            return false;
        }

        Disable(gone ? Webhooks.DisabledBecause.Gone : Webhooks.DisabledBecause.Failing);
        return true;
    }

    public void Disable(DisabledBecause why) => (Enabled, DisabledBecause) = (false, why);

    /// <summary>Goes on where it stopped, with a clean slate.</summary>
    public void Enable()
    {
        (Enabled, DisabledBecause) = (true, null);
        Recover();
    }

    /// <summary>Sends everything after this event once more.</summary>
    public void Rewind(long after)
    {
        Cursor = after;
        Rewinds++;
    }

    private void Recover()
    {
        (Failures, Holds) = (0, 0);
        (FailingSince, HeldUntil) = (null, null);
    }
}

/// <summary>Why nothing is sent any more. What happens meanwhile is sent once it is enabled again.</summary>
internal enum DisabledBecause
{
    /// <summary>Its owner said so.</summary>
    Owner,

    /// <summary>The receiver answered 410 Gone.</summary>
    Gone,

    /// <summary>The receiver took nothing for five days.</summary>
    Failing,
}

/// <summary>The public half of the key that secrets are sealed to; the private half is in the vault.</summary>
internal sealed class WebhookSealingKey
{
    /// <summary>Of the private half in the vault.</summary>
    public required Guid Id { get; init; }

    /// <summary>SubjectPublicKeyInfo, P-256.</summary>
    public required byte[] PublicKey { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>What a webhook's posts are signed with, sealed.</summary>
internal sealed class WebhookSecret
{
    /// <summary>Two: the new one and the one it takes the place of.</summary>
    public const int MostOfAWebhook = 2;

    public required Guid Id { get; init; }

    public required Guid WebhookId { get; init; }

    public required Guid SealingKeyId { get; init; }

    public required byte[] Encapsulation { get; init; }

    public required byte[] Ciphertext { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
}
