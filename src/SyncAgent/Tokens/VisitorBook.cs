using System.Net;
using ControlPlane.Contracts;
using SyncAgent.Syncing;

namespace SyncAgent.Tokens;

/// <summary>
/// Who fetched tokens here, until a report has told of it. Strangers may fetch them too: what one source adds to an
/// order, and what there is at all, is bounded, and what is left out is counted.
/// </summary>
internal sealed class VisitorBook(AgentMeter meter, TimeProvider time)
{
    /// <summary>Set by HAProxy to the visitor's address; one that another node passed on keeps that node's
    /// word.</summary>
    public const string SourceHeader = "X-Forwarded-For";

    private const int MostPerSource = 10;

    /// <summary>A CA's perspectives come within seconds: one report for all of them, and soon enough for who
    /// watches.</summary>
    private static readonly TimeSpan Gather = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private readonly List<TokenVisit> _pending = [];
    private ITimer? _timer;

    /// <summary>Called some time after a visit: there is something to tell.</summary>
    public Action Changed { get; set; } = () => { };

    public void Note(FoundToken found, IHeaderDictionary headers)
    {
        if (found.Value is not null)
        {
            meter.TokenServed();
        }

        var visit = new TokenVisit(
            found.Order, time.GetUtcNow(), SourceOf(headers[SourceHeader]), Printable(headers.UserAgent),
            found.Value is null ? StatusCodes.Status404NotFound : StatusCodes.Status200OK, found.Value?.Length ?? 0);
        lock (_lock)
        {
            if (_pending.Count >= Routes.MaxVisits
                || _pending.Count(one => one.Order == visit.Order && one.Source == visit.Source) >= MostPerSource)
            {
                meter.VisitForgotten();
                return;
            }

            _pending.Add(visit);
            _timer ??= time.CreateTimer(_ => Ring(), null, Gather, Timeout.InfiniteTimeSpan);
        }
    }

    public IReadOnlyList<TokenVisit> Take()
    {
        lock (_lock)
        {
            TokenVisit[] taken = [.. _pending];
            _pending.Clear();
            return taken;
        }
    }

    /// <summary>The report did not arrive: they go with the next one.</summary>
    public void PutBack(IReadOnlyList<TokenVisit> visits)
    {
        lock (_lock)
        {
            var room = Math.Max(0, Routes.MaxVisits - _pending.Count);
            _pending.InsertRange(0, visits.Take(room));
            for (var left = visits.Count - room; left > 0; left--)
            {
                meter.VisitForgotten();
            }
        }
    }

    private void Ring()
    {
        lock (_lock)
        {
            _timer?.Dispose();
            _timer = null;
        }

        Changed();
    }

    private static string? SourceOf(string? header) =>
        IPAddress.TryParse(header, out var address) ? address.ToString() : null;

    /// <summary>A stranger's text, to be shown to people.</summary>
    private static string? Printable(string? text) => string.IsNullOrWhiteSpace(text)
        ? null
        : string.Concat(text.Take(Routes.MaxUserAgent).Select(c => char.IsAscii(c) && !char.IsControl(c) ? c : '?'));
}
