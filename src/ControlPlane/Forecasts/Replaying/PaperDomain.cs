namespace ControlPlane.Forecasts.Replaying;

/// <summary>A domain of the replay: where its order stands, and what it is served with.</summary>
internal sealed class PaperDomain(Guid id)
{
    public Guid Id { get; } = id;

    /// <summary>Its next call in <see cref="OrderCalls.All"/>.</summary>
    public int Step { get; set; }

    /// <summary>Waits in this step; they pick the next interval.</summary>
    public int Snoozes { get; set; }

    /// <summary>The dates of the certificate that is on its way.</summary>
    public (DateTimeOffset NotBefore, DateTimeOffset NotAfter) Issued { get; set; }

    /// <summary>The end of the certificate it is served with; null before the first.</summary>
    public DateTimeOffset? ServedUntil { get; set; }

    /// <summary>It is served with its second certificate or a later one.</summary>
    public bool HasRenewed { get; set; }

    /// <summary>The day its renewal was planned for.</summary>
    public DateOnly? PlannedOn { get; set; }

    /// <summary>Up to when its order at the CA covers further certificates.</summary>
    public DateTimeOffset OrderEnds { get; set; }
}
