using SyncAgent.Planning;

namespace SyncAgent.Syncing;

internal sealed partial class Reconciler
{
    /// <summary>One line for each kind of action and its cause: a line for each of ten thousand names would cost as
    /// much as opening their seals.</summary>
    private void Tell(IReadOnlyList<PlannedAction> plan)
    {
        foreach (var alike in plan.GroupBy(action => (action.Kind, action.Reason)))
        {
            LogPlanned(alike.Key.Kind, alike.Count(), alike.First().Hostname, alike.Key.Reason);
        }
    }

    [LoggerMessage(LogLevel.Information, "{Action} {Count}, {Hostname} first ({Reason})")]
    private partial void LogPlanned(ActionKind action, int count, string hostname, string reason);

    [LoggerMessage(LogLevel.Debug, "{Action} {Hostname} ({Reason})")]
    private partial void LogAction(ActionKind action, string hostname, string reason);

    [LoggerMessage(LogLevel.Warning, "{Hostname} is refused ({Code}): {Detail}")]
    private partial void LogRefused(string hostname, string code, string detail);

    [LoggerMessage(
        LogLevel.Critical, "ALARM: {Hostname} was withdrawn with too many others within an hour and without approval; "
        + "this node keeps serving it")]
    private partial void LogHeld(string hostname);

    [LoggerMessage(LogLevel.Error, "HAProxy refuses the file of {Hostname} again and again ({Detail}): it was moved "
        + "out of the sight of its next start")]
    private partial void LogFileSetAside(string hostname, string detail);

    [LoggerMessage(LogLevel.Warning, "{Count} bundles not fetched ({Reason}); next try in {Seconds:0.0} s")]
    private partial void LogNotFetched(int count, string reason, double seconds);

    [LoggerMessage(LogLevel.Error, "A surprise while working on {Hostname}; it is tried again")]
    private partial void LogSurprise(Exception surprise, string hostname);
}
