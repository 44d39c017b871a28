namespace EndToEnd.Tests.Harness;

/// <summary>Settings of a control plane that waits seconds where a real one waits minutes.</summary>
internal static class Hurried
{
    /// <summary>The lease outlasts a paid call (patience and time-out) by the ten seconds that are asked for, and by
    /// what two busy cores may take for a commit.</summary>
    public static IReadOnlyDictionary<string, string?> ControlPlane { get; } = new Dictionary<string, string?>
    {
        ["CertCentral__BudgetPatience"] = "00:00:01",
        ["CertCentral__HttpTimeout"] = "00:00:03",
        ["CertCentral__LookupSchedule__0"] = "00:00:01",
        ["CertCentral__LookupSchedule__1"] = "00:00:03",
        ["Jobs__Lease"] = "00:00:18",
        ["Jobs__Tick"] = "00:00:01",
        ["Jobs__StatusPoll"] = "00:00:02",
    };
}
