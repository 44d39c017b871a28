namespace SyncAgent.HAProxy;

/// <summary>What an injection or a removal came to.</summary>
internal abstract record WriteOutcome
{
    /// <summary>Done, and read back from the memory of the process that answers now.</summary>
    public sealed record Written(HeldCertificate? Held) : WriteOutcome;

    /// <summary>HAProxy said no; what it served before it still serves.</summary>
    /// <param name="Reason">A sentence for an engineer.</param>
    /// <param name="IsOversized">The bundle does not fit HAProxy's buffer.</param>
    /// <param name="Lacks">The configuration lacks what the command is about.</param>
    public sealed record Refused(string Reason, bool IsOversized = false, bool Lacks = false) : WriteOutcome;

    /// <summary>The process changed in the middle, or does not answer for its certificates: nothing is known, and
    /// everything must be read again.</summary>
    public sealed record Replaced(string Reason) : WriteOutcome;
}
