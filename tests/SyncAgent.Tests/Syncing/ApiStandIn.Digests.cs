using System.Collections.Concurrent;
using ControlPlane.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace SyncAgent.Tests.Syncing;

/// <summary>The stand-in's memory: it compares digests, and can forget.</summary>
internal sealed partial class ApiStandIn
{
    private int _forgotten;

    /// <summary>What callers said they can read, a call each.</summary>
    public ConcurrentQueue<string> Encodings { get; } = new();

    /// <summary>Sent with every 503 of <see cref="IsAway"/>.</summary>
    public string? RetryAfter { get; set; }

    public int Comparisons { get; private set; }

    /// <summary>The kept history moves on: older cursors get 410, and a full list holds what is wanted and no
    /// tombstone.</summary>
    public void ForgetHistory()
    {
        lock (_lock)
        {
            var wanted = Wanted().ToHashSet();
            for (var i = 0; i < _history.Count; i++)
            {
                if (_history[i].Wanted is not { } row || !wanted.Contains(row))
                {
                    _history[i] = default;
                }
            }

            _forgotten = _history.Count;
        }

        Signal();
    }

    private IEnumerable<DesiredDomain> Wanted() => _history
        .Where(row => row.Wanted is not null || row.Withdrawn is not null)
        .GroupBy(row => row.Wanted?.Domain ?? row.Withdrawn!.Domain)
        .Select(rows => rows.Last().Wanted)
        .OfType<DesiredDomain>();

    private Ok<DigestAnswer> Compare(DigestRequest request)
    {
        lock (_lock)
        {
            Comparisons++;
            var digest = new StateDigest();
            foreach (var row in Wanted())
            {
                digest.Toggle(row.Domain, row.Revision, row.Fingerprint, row.TlsMinimum);
            }

            var differing = digest.Differing(request.Buckets);
            return TypedResults.Ok(new DigestAnswer(
                Epoch, _history.Count, differing.Count, differing,
                [.. Wanted().Where(row => differing.Contains(StateDigest.BucketOf(row.Domain)))]));
        }
    }
}
