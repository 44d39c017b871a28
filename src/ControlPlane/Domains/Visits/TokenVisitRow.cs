namespace ControlPlane.Domains.Visits;

/// <summary>One fetch of an order's token, as a node told it. Written by <see cref="ToldVisits"/>.</summary>
internal sealed class TokenVisitRow
{
    /// <summary>Given by the database; grows as nodes tell.</summary>
    public long Id { get; private set; }

    public required Guid OrderId { get; init; }

    public required Guid NodeId { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>The visitor's IP address; null when the node did not know it.</summary>
    public string? Source { get; init; }

    /// <summary>The visitor's own word for itself.</summary>
    public string? UserAgent { get; init; }

    /// <summary>The HTTP status it was answered with.</summary>
    public required int Status { get; init; }

    /// <summary>Length of the answer's body.</summary>
    public required int Bytes { get; init; }
}
