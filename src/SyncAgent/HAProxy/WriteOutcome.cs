namespace SyncAgent.HAProxy;

/// <summary>What an injection or a removal came to.</summary>
internal abstract record WriteOutcome
{
    /// <summary>Done, and read back from the memory of the process that answers now.</summary>
    public sealed record Written(HeldCertificate? Held) : WriteOutcome;

    /// <summary>HAProxy said no; what it served before it still serves.</summary>
    public sealed record Refused(string Reason, bool IsOversized = false) : WriteOutcome;

    /// <summary>The process changed in the middle, or does not answer for its certificates: nothing is known, and
    /// everything must be read again.</summary>
    public sealed record Replaced(string Reason) : WriteOutcome;
}
