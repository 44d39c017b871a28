namespace ControlPlane.Webhooks;

/// <summary>Settings under <c>Webhooks</c>.</summary>
internal sealed class WebhookOptions
{
    public const string Section = "Webhooks";

    /// <summary>True where receivers are our own, as in a local fleet: loopback, private networks and plain http are
    /// allowed.</summary>
    public bool AllowReservedAddresses { get; init; }

    /// <summary>How often it is looked for news.</summary>
    public TimeSpan Look { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Receivers that one replica sends to at a time. It mostly waits for them.</summary>
    public int Parallelism { get; init; } = 64;
}
