using ControlPlane.Contracts;
using SyncAgent.ControlPlaneApi;
using SyncAgent.Local;

namespace SyncAgent.Syncing;

/// <summary>
/// How old the newest answer is, by the time the control plane wrote into it and our clock as corrected by the
/// server's. A node that hears nothing, or the same recorded answers again and again, is held at an old state and says
/// so; it goes on serving what it has.
/// </summary>
internal sealed class Freshness(
    HighWater highest, TokenSigner signer, Alarms alarms, AgentOptions options, TimeProvider time)
{
    private readonly DateTimeOffset _startedAt = time.GetUtcNow();

    /// <summary>Null before the first answer.</summary>
    public DateTimeOffset? FreshAt =>
        highest.Mark.FreshAt is var at && at > DateTimeOffset.MinValue ? at : null;

    /// <summary>Never negative. Before the first answer, the time since this start.</summary>
    public TimeSpan Age
    {
        get
        {
            var age = FreshAt is { } at ? time.GetUtcNow() + signer.Offset - at : time.GetUtcNow() - _startedAt;
            return age > TimeSpan.Zero ? age : TimeSpan.Zero;
        }
    }

    public void Look()
    {
        if (Age <= options.StaleAfter)
        {
            alarms.Clear(NodeAlarmCodes.AnswerStale);
            return;
        }

        alarms.Raise(
            NodeAlarmCodes.AnswerStale,
            $"No answer that is newer than {FreshAt?.ToString("u") ?? "this start"} was accepted, which is longer ago "
            + $"than {options.StaleAfter.TotalMinutes:0} minutes. This node goes on serving what it has.");
    }
}
