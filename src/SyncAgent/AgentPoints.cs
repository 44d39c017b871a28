using ControlPlane.Drills;

namespace SyncAgent;

/// <summary>The points of a bundle's way to HAProxy at which a drill may kill the agent.</summary>
internal static class AgentPoints
{
    public const string Staged = "agent.staged";
    public const string Renamed = "agent.renamed";
    public const string Verified = "agent.verified";
    public const string Reported = "agent.reported";

    /// <summary>The points inside an injection: <c>agent.set</c>, <c>agent.committed</c>, <c>agent.added</c>.</summary>
    public static void PassCommand(this Failpoint failpoint, string command, string hostname)
    {
        var point = command switch
        {
            "set" => "agent.set",
            "commit" => "agent.committed",
            "add" => "agent.added",
            _ => null,
        };
        if (point is not null)
        {
            failpoint.Pass(point, hostname);
        }
    }
}
