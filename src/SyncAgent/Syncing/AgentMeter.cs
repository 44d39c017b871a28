using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using SyncAgent.Local;
using SyncAgent.Observing;

namespace SyncAgent.Syncing;

/// <summary>Counts for <c>/metrics</c>. Counters only go up; gauges are asked for when somebody looks.</summary>
internal sealed class AgentMeter
{
    private long _injections;
    private long _refusals;
    private long _stagesLeft;
    private long _reports;
    private long _apiFailures;
    private long _tokensServed;
    private long _visitsForgotten;
    private long _olderAnswers;
    private long _comparisons;
    private readonly ConcurrentDictionary<string, long> _drift = new(
        DriftCauses.All.ToDictionary(cause => cause, _ => 0L), StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _memoryDrift = new(
        AuditCauses.All.ToDictionary(cause => cause, _ => 0L), StringComparer.Ordinal);

    public void Injected() => Interlocked.Increment(ref _injections);

    public void InjectionRefused() => Interlocked.Increment(ref _refusals);

    public void StageLeft() => Interlocked.Increment(ref _stagesLeft);

    public void Reported() => Interlocked.Increment(ref _reports);

    public void ApiFailed() => Interlocked.Increment(ref _apiFailures);

    public void AnswerRefusedAsOlder() => Interlocked.Increment(ref _olderAnswers);

    public void TokenServed() => Interlocked.Increment(ref _tokensServed);

    public void VisitForgotten() => Interlocked.Increment(ref _visitsForgotten);

    public void Compared() => Interlocked.Increment(ref _comparisons);

    /// <param name="cause">One of <see cref="DriftCauses"/>.</param>
    public void Drifted(string cause) => _drift.AddOrUpdate(cause, 1, (_, count) => count + 1);

    /// <param name="cause">One of <see cref="AuditCauses"/>.</param>
    public void MemoryDrifted(string cause) => _memoryDrift.AddOrUpdate(cause, 1, (_, count) => count + 1);

    /// <summary>Prometheus text format, version 0.0.4.</summary>
    public string Render(IEnumerable<(string Name, string Help, double Value)> gauges)
    {
        var text = new StringBuilder();
        Counter(text, "syncagent_injections_total", "Bundles that HAProxy accepted.", _injections);
        Counter(text, "syncagent_injection_refusals_total", "Bundles that HAProxy refused.", _refusals);
        Counter(text, "syncagent_stages_left_total", "Staged files that could not be deleted.", _stagesLeft);
        Counter(text, "syncagent_reports_total", "Observed-state reports accepted.", _reports);
        Counter(text, "syncagent_api_failures_total", "Calls that the API did not answer.", _apiFailures);
        Counter(text, "syncagent_tokens_served_total", "Validation tokens served.", _tokensServed);
        Counter(
            text, "syncagent_visits_forgotten_total", "Fetches of tokens that no report tells of: there were too many.",
            _visitsForgotten);
        Counter(
            text, "syncagent_older_answers_total", "Answers refused as older than one accepted before.", _olderAnswers);
        Counter(text, "syncagent_comparisons_total", "Digests of the record that the API compared.", _comparisons);
        ByCause(text, "syncagent_drift_total", "Names whose record differed from what the fleet wants.", _drift);
        ByCause(
            text, "syncagent_audit_drift_total", "Names whose memory or disk differed from the record.", _memoryDrift);
        foreach (var (name, help, value) in gauges)
        {
            Line(text, name, help, "gauge", value);
        }

        return text.ToString();
    }

    private static void Counter(StringBuilder text, string name, string help, long value) =>
        Line(text, name, help, "counter", value);

    private static void ByCause(
        StringBuilder text, string name, string help, IReadOnlyDictionary<string, long> counts)
    {
        text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} counter\n");
        foreach (var (cause, count) in counts.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"{name}{{cause=\"{cause}\"}} {count}\n");
        }
    }

    private static void Line(StringBuilder text, string name, string help, string type, double value) =>
        text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n{name} {value}\n");
}
