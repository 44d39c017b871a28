namespace ControlPlane.Http;

/// <summary>The words with which an operator says why, for people: in the field <c>reason</c> of a body.</summary>
internal static class GivenReason
{
    public const int Longest = 500;

    /// <summary>What is wrong with it; null when it can be kept, or none was given.</summary>
    public static Problem? Refuse(string? reason)
    {
        if (reason is null || (reason.Length <= Longest && !reason.Contains('\0')))
        {
            return null;
        }

        var detail = $"reason must have at most {Longest} characters, and no zero character.";
        return Problems.InvalidField.With(detail) with
        {
            Errors = [new FieldProblem("reason", Problems.InvalidField.Code, detail)],
        };
    }
}
