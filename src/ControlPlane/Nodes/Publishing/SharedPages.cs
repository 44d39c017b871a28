using ControlPlane.Contracts;
using ControlPlane.Http.Transport;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;

namespace ControlPlane.Nodes.Publishing;

/// <summary>A page as it was read once and is sent to many. Its rows are not kept beside what was written out of them:
/// they take five times as much.</summary>
/// <param name="IsEmpty">Nothing is new.</param>
/// <param name="More">It goes on.</param>
/// <param name="Answer">Written out, and compressed.</param>
internal sealed record SharedPage(bool IsEmpty, bool More, CompressibleJson<DesiredStatePage> Answer);

/// <summary>
/// Pages of desired state, read once for all who ask for the same: the thousand agents of a fleet stand at the same
/// cursor, are woken at the same time, and cost one query and one serialization. A page counts until its fleet's next
/// change (<see cref="FleetChange"/>), and for two seconds at most: should notifications not arrive, polls must not be
/// answered from memory for ever.
/// </summary>
internal sealed class SharedPages(DesiredStateReader reader, IOptions<JsonOptions> json, TimeProvider time)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(2);

    /// <summary>Pages of all fleets together: about 5 MB at the most.</summary>
    private const int Most = 64;

    private readonly Lock _gate = new();
    private readonly Dictionary<Key, Entry> _entries = [];
    private readonly Queue<(Key Key, Entry Entry)> _oldest = new();

    /// <summary>The page after <paramref name="since"/>; null when its history is gone.</summary>
    /// <param name="change">Taken before, so that a change since is not missed.</param>
    /// <param name="fleet">The fleet.</param>
    /// <param name="since">Where the reader is; null for the full list.</param>
    /// <param name="upTo">Highest revision the reader may see; null for all there is.</param>
    /// <param name="waits">Whether the reader will wait for <paramref name="change"/> when there is nothing. One that
    /// does not is told what is there at this moment; but a page with more to follow will do for it, too, because it
    /// goes on to the last one.</param>
    /// <param name="ct">Ends the wait; the read goes on for the others.</param>
    public async Task<SharedPage?> ReadAsync(
        FleetChange change, Guid fleet, DesiredStateCursor? since, long? upTo, bool waits, CancellationToken ct)
    {
        var key = new Key(change, fleet, since, upTo);
        var asked = time.GetTimestamp();
        var (entry, isOurs) = Find(key, isAgain: false);
        var page = await entry.Page.WaitAsync(ct);
        if (isOurs || waits || page is { More: true } || entry.Began >= asked)
        {
            return page;
        }

        (entry, _) = Find(key, isAgain: true);
        return await entry.Page.WaitAsync(ct);
    }

    private (Entry Entry, bool IsOurs) Find(Key key, bool isAgain)
    {
        lock (_gate)
        {
            var now = time.GetTimestamp();
            while (_oldest.TryPeek(out var oldest)
                && (_oldest.Count > Most || time.GetElapsedTime(oldest.Entry.Began, now) >= Lifetime))
            {
                _oldest.Dequeue();
                if (_entries.TryGetValue(oldest.Key, out var present) && present == oldest.Entry)
                {
                    _entries.Remove(oldest.Key);
                }
            }

            if (!isAgain && _entries.TryGetValue(key, out var entry) && !entry.Page.IsFaulted)
            {
                return (entry, false);
            }

            entry = new Entry(now, Task.Run(() => ReadAsync(key), CancellationToken.None));
            _entries[key] = entry;
            _oldest.Enqueue((key, entry));
            return (entry, true);
        }
    }

    private async Task<SharedPage?> ReadAsync(Key key)
    {
        if (await reader.ReadAsync(key.Fleet, key.Since, key.UpTo, CancellationToken.None) is not { } page)
        {
            return null;
        }

        return new SharedPage(
            page.Upserts.Count + page.Tombstones.Count == 0, page.More, CompressibleJson.Of(page, json.Value));
    }

    private readonly record struct Key(FleetChange Change, Guid Fleet, DesiredStateCursor? Since, long? UpTo);

    /// <param name="Began">When its read began: what it shows is not older.</param>
    /// <param name="Page">Fails with what the database failed with; the next to ask reads again.</param>
    private sealed record Entry(long Began, Task<SharedPage?> Page);
}
