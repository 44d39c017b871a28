namespace SyncAgent;

internal static class AgentVersion
{
    /// <summary>The program's version, as reports and the enrolment carry it.</summary>
    public static string Text { get; } = typeof(AgentVersion).Assembly.GetName().Version?.ToString(3) ?? "0";
}
