namespace CertCentralSandbox.Validation;

/// <summary>Multi-perspective corroboration (BR 3.2.2.9, SC-067).</summary>
internal static class Corroboration
{
    /// <summary>How many perspectives may dissent: none of 1, one of 2–5, two of 6 and more.</summary>
    public static int AllowedDissent(int perspectives) => perspectives switch { < 2 => 0, <= 5 => 1, _ => 2 };

    public static bool Reached(int agreeing, int perspectives) =>
        perspectives - agreeing <= AllowedDissent(perspectives);
}
