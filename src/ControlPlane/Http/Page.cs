namespace ControlPlane.Http;

/// <summary>A page of a list.</summary>
/// <param name="Items">In the list's order.</param>
/// <param name="NextCursor">Pass it as <c>cursor</c> (or <c>after</c>) to go on; null when this was the last
/// page.</param>
internal sealed record Page<T>(IReadOnlyList<T> Items, string? NextCursor)
{
    public const int MaxLimit = 200;
    public const int DefaultLimit = 50;

    /// <summary>Null when the limit is within 1–200.</summary>
    public static Problem? Refuse(int limit) => limit is >= 1 and <= MaxLimit
        ? null
        : Problems.InvalidField.With($"limit must lie between 1 and {MaxLimit}.") with
        {
            Errors = [new FieldProblem("limit", Problems.InvalidField.Code, $"Must lie between 1 and {MaxLimit}.")],
        };
}
