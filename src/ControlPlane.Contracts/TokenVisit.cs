namespace ControlPlane.Contracts;

/// <summary>One fetch of a validation token, as the node that answered it saw it.</summary>
/// <param name="Order">Sequence of the order whose token was found, live or expired.</param>
/// <param name="At">When it was answered, UTC.</param>
/// <param name="Source">Address of the visitor as HAProxy saw it; null when it is not known.</param>
/// <param name="UserAgent">What the visitor calls itself, at most <see cref="Routes.MaxUserAgent"/> characters; null
/// when it says nothing.</param>
/// <param name="Status">HTTP status of the answer: 200, or 404 when the token had expired.</param>
/// <param name="Bytes">Length of the answer's body.</param>
public sealed record TokenVisit(
    long Order, DateTimeOffset At, string? Source, string? UserAgent, int Status, int Bytes);
