using System.Globalization;
using ControlPlane.Contracts;
using SyncAgent.Local;
using SyncAgent.Observing;

namespace SyncAgent.Syncing;

/// <summary>Whether the NLB may send visitors here. The API's absence is no reason not to: what is on disk is
/// served.</summary>
internal sealed class Readiness(
    DesiredBook book, NodeView view, Reconciler reconciler, Reporter reporter, DesiredFeed feed, Alarms alarms,
    Freshness freshness, Quarantine quarantine, MemoryAudit audit)
{
    /// <summary>null when ready; otherwise a sentence.</summary>
    public string? Reason
    {
        get
        {
            if (view.Process is null)
            {
                return "HAProxy's memory has not been read yet.";
            }

            if (book.Mark.Epoch == 0)
            {
                return "This node has never heard what to serve.";
            }

            return reconciler.IsSettled ? null : "Some bundles on disk are not in HAProxy's memory yet.";
        }
    }

    /// <summary>What is wrong without being a reason to send visitors elsewhere, and how long this node could do
    /// without its control plane: one line each.</summary>
    public IEnumerable<string> Remarks()
    {
        foreach (var alarm in alarms.Active)
        {
            yield return $"ALARM {alarm.Code}: {alarm.Detail}";
        }

        if (quarantine.Count is var setAside and > 0)
        {
            yield return $"{setAside} names are set aside; the log says why";
        }

        if (view.FirstExpiry is not null)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture, $"{feed.HoursToFirstExpiry():0} hours to the first local expiry");
        }
    }

    public IEnumerable<(string Name, string Help, double Value)> Gauges()
    {
        var mark = book.Mark;
        yield return ("syncagent_ready", "1 when the node may get visitors.", Reason is null ? 1 : 0);
        yield return ("syncagent_epoch", "Epoch of the newest desired state.", mark.Epoch);
        yield return ("syncagent_revision", "Revision of the newest desired state.", mark.Revision);
        yield return ("syncagent_domains", "Names in the book.", book.Count);
        yield return ("syncagent_strays", "Names served that the newest full list does not hold.",
            book.Strays(view.Disk).Count);
        yield return (
            "syncagent_answer_age_seconds", "Age of the newest accepted answer.", freshness.Age.TotalSeconds);
        yield return ("syncagent_alarm_answer_older", "1 while older answers are being refused.",
            alarms.Has(NodeAlarmCodes.AnswerOlder) ? 1 : 0);
        yield return ("syncagent_alarm_answer_stale", "1 while no fresh answer has been accepted for long.",
            alarms.Has(NodeAlarmCodes.AnswerStale) ? 1 : 0);
        yield return ("syncagent_domains_refused", "Names last reported as refused.", reporter.RefusedCount);
        yield return ("syncagent_domains_set_aside", "Names that failed again and again.", quarantine.Count);
        yield return ("syncagent_memory_only", "Names in HAProxy's memory, and neither on disk nor in the record.",
            audit.Findings.MemoryOnly.Count);
        yield return ("syncagent_disk_only", "Names on disk, and neither in HAProxy's memory nor in the record.",
            audit.Findings.DiskOnly.Count);
        yield return ("syncagent_haproxy_pid", "Pid of the worker that was read.", view.Process?.Pid ?? 0);
        yield return (
            "syncagent_first_expiry_hours", "Hours until the first bundle on disk expires.", feed.HoursToFirstExpiry());
        yield return ("syncagent_api_last_answer_seconds", "When the API last answered, Unix time; 0 for never.",
            feed.LastAnswer?.ToUnixTimeSeconds() ?? 0);
    }
}
