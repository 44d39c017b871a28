using ControlPlane.Contracts;
using SyncAgent.ControlPlaneApi;
using SyncAgent.Local;

namespace SyncAgent.Syncing;

/// <summary>
/// How old the newest answer is, by the time the control plane wrote into it and our clock as corrected by the
/// server's; and never younger than what our own stopwatch says has passed since the last one that was newer, because
/// a recorded refusal corrects the clock as well as a true one. A node that hears nothing, or the same recorded answers
/// again and again, is held at an old state and says so; it goes on serving what it has.
/// </summary>
internal sealed class Freshness(
    HighWater highest, TokenSigner signer, Alarms alarms, AgentOptions options, TimeProvider time)
{
    /// <summary>How far ahead of our corrected clock an answer may be dated: a clock is corrected only by a refusal, so
    /// up to the minute of a token's life it may be off unnoticed; and replicas' clocks differ.</summary>
    private static readonly TimeSpan Ahead = TimeSpan.FromMinutes(2);

    private readonly DateTimeOffset _startedAt = time.GetUtcNow();
    private readonly Lock _lock = new();
    private DateTimeOffset _newest = highest.Mark.FreshAt;
    private long _newestSince = time.GetTimestamp();

    /// <summary>Null before the first answer.</summary>
    public DateTimeOffset? FreshAt =>
        highest.Mark.FreshAt is var at && at > DateTimeOffset.MinValue ? at : null;

    /// <summary>Never negative. Before the first answer, the time since this start.</summary>
    public TimeSpan Age
    {
        get
        {
            var age = FreshAt is { } at ? time.GetUtcNow() + signer.Offset - at : time.GetUtcNow() - _startedAt;
            var unchanged = Unchanged();
            return age > unchanged ? age : unchanged;
        }
    }

    /// <summary>The time of an answer as far as it is believed. One answer dated years ahead would outdate every
    /// honest one after it.</summary>
    public DateTimeOffset Believed(DateTimeOffset at)
    {
        var latest = time.GetUtcNow() + signer.Offset + Ahead;
        return at > latest ? latest : at;
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

    /// <summary>How long no newer answer was seen, by a clock that nobody corrects.</summary>
    private TimeSpan Unchanged()
    {
        lock (_lock)
        {
            var at = highest.Mark.FreshAt;
            if (at > _newest)
            {
                (_newest, _newestSince) = (at, time.GetTimestamp());
            }

            return time.GetElapsedTime(_newestSince);
        }
    }
}
