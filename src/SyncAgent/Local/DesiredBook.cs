using System.Text.Json;
using System.Text.Json.Serialization;
using ControlPlane.Contracts;

namespace SyncAgent.Local;

/// <summary>Up to where the desired state is recorded.</summary>
/// <param name="Epoch">Highest epoch seen: an answer of a lower one is old.</param>
/// <param name="Revision">Highest revision seen in that epoch.</param>
/// <param name="Cursor">What to ask after; null asks for everything.</param>
internal sealed record BookMark(long Epoch, long Revision, string? Cursor);

/// <summary>What the fleet wants of one name: served by a bundle, or gone.</summary>
/// <param name="Wanted">Null when it is gone.</param>
/// <param name="Withdrawn">Null while it is served.</param>
/// <param name="Epoch">Where its revision counts: those of two epochs say nothing about each other.</param>
internal sealed record BookEntry(DesiredDomain? Wanted, Tombstone? Withdrawn, long Epoch)
{
    public long Revision => Wanted?.Revision ?? Withdrawn!.Revision;

    public Guid Domain => Wanted?.Domain ?? Withdrawn!.Domain;
}

/// <summary>One line of the journal: exactly one of the three is set.</summary>
/// <param name="Wanted">A name to serve.</param>
/// <param name="Withdrawn">A name that is gone.</param>
/// <param name="Mark">The end of a page.</param>
/// <param name="Epoch">Of the name's revision.</param>
internal sealed record JournalLine(DesiredDomain? Wanted, Tombstone? Withdrawn, BookMark? Mark, long Epoch);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(JournalLine))]
internal sealed partial class JournalJson : JsonSerializerContext;

/// <summary>
/// The node's manifest: the desired state as last heard, on disk, so that a restart without the API serves and verifies
/// everything. A journal, because a change then costs one short append and not the whole fleet's list.
/// </summary>
internal sealed class DesiredBook : IDisposable
{
    private readonly Dictionary<string, BookEntry> _entries = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private readonly FileStream _journal;

    private DesiredBook(string path, Func<string, Tombstone, bool> isDone)
    {
        if (File.Exists(path))
        {
            Replay(path);
        }

        foreach (var (hostname, entry) in _entries.Where(pair => pair.Value.Withdrawn is not null).ToArray())
        {
            if (isDone(hostname, entry.Withdrawn!))
            {
                _entries.Remove(hostname);
            }
        }

        Compact(path);
        _journal = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read);
    }

    public BookMark Mark { get; private set; } = new(0, 0, null);

    /// <param name="journalFile">Made when absent.</param>
    /// <param name="isDone">Withdrawals that were carried out long ago and may be forgotten.</param>
    public static DesiredBook Open(string journalFile, Func<string, Tombstone, bool> isDone) =>
        new(journalFile, isDone);

    public BookEntry? Find(string hostname)
    {
        lock (_lock)
        {
            return _entries.GetValueOrDefault(hostname);
        }
    }

    public IReadOnlyDictionary<string, BookEntry> Snapshot()
    {
        lock (_lock)
        {
            return new Dictionary<string, BookEntry>(_entries, StringComparer.Ordinal);
        }
    }

    /// <summary>Records a page durably, then takes it as the truth.</summary>
    /// <returns>The names that changed; null when the page is of an older epoch than one seen before.</returns>
    public IReadOnlyList<string>? Record(DesiredStatePage page)
    {
        lock (_lock)
        {
            if (page.Epoch < Mark.Epoch || IsOlderAnswer(page))
            {
                return null;
            }

            var newEpoch = page.Epoch > Mark.Epoch;
            var lines = page.Upserts.Select(wanted => new JournalLine(wanted, null, null, page.Epoch))
                .Concat(page.Tombstones.Select(withdrawn => new JournalLine(null, withdrawn, null, page.Epoch)))
                .Where(line => HostnameSyntax.IsValid(HostnameOf(line)))
                // A name that was deleted and registered again is on a page twice, as two domains: the later one is
                // what the fleet wants, whatever the order of the two lists.
                .GroupBy(HostnameOf, StringComparer.Ordinal)
                .Select(same => same.MaxBy(RevisionOf)!)
                .Where(IsNews)
                .ToList();
            var revision = newEpoch ? page.Revision : Math.Max(Mark.Revision, page.Revision);
            var mark = new BookMark(page.Epoch, revision, page.Cursor);
            Append([.. lines, new JournalLine(null, null, mark, mark.Epoch)]);
            lines.ForEach(Apply);
            Mark = mark;
            return [.. lines.Select(HostnameOf)];
        }
    }

    /// <summary>The history behind the cursor is gone: ask for everything. What is known stays known.</summary>
    public void ForgetCursor()
    {
        lock (_lock)
        {
            Mark = Mark with { Cursor = null };
            Append([new JournalLine(null, null, Mark, Mark.Epoch)]);
        }
    }

    public void Dispose() => _journal.Dispose();

    private static string HostnameOf(JournalLine line) => line.Wanted?.Hostname ?? line.Withdrawn!.Hostname;

    private static long RevisionOf(JournalLine line) => line.Wanted?.Revision ?? line.Withdrawn!.Revision;

    /// <summary>While everything is asked for again (no cursor) pages begin below what is known.</summary>
    private bool IsOlderAnswer(DesiredStatePage page) =>
        page.Epoch == Mark.Epoch && page.Revision < Mark.Revision && !page.More && Mark.Cursor is not null;

    private bool IsNews(JournalLine line)
    {
        if (!_entries.TryGetValue(HostnameOf(line), out var known))
        {
            return true;
        }

        var revision = RevisionOf(line);
        // An approval may arrive later for a withdrawal that is already known.
        return line.Epoch > known.Epoch || revision > known.Revision
            || (revision == known.Revision && !Equals(line.Withdrawn, known.Withdrawn));
    }

    private void Apply(JournalLine line)
    {
        if (line.Mark is not null)
        {
            Mark = line.Mark;
        }
        else
        {
            _entries[HostnameOf(line)] = new BookEntry(line.Wanted, line.Withdrawn, line.Epoch);
        }
    }

    private void Append(IReadOnlyList<JournalLine> lines)
    {
        foreach (var line in lines)
        {
            JsonSerializer.Serialize(_journal, line, JournalJson.Default.JournalLine);
            _journal.WriteByte((byte)'\n');
        }

        _journal.Flush(flushToDisk: true);
    }

    private void Replay(string path)
    {
        foreach (var text in File.ReadLines(path))
        {
            try
            {
                Apply(JsonSerializer.Deserialize(text, JournalJson.Default.JournalLine)!);
            }
            catch (JsonException)
            {
                // A line cut short by a power cut. Its page's mark was not written either, so the page is asked for
                // again.
                break;
            }
        }
    }

    private void Compact(string path)
    {
        using var all = new MemoryStream();
        foreach (var entry in _entries.Values)
        {
            JsonSerializer.Serialize(
                all, new JournalLine(entry.Wanted, entry.Withdrawn, null, entry.Epoch),
                JournalJson.Default.JournalLine);
            all.WriteByte((byte)'\n');
        }

        JsonSerializer.Serialize(all, new JournalLine(null, null, Mark, Mark.Epoch), JournalJson.Default.JournalLine);
        all.WriteByte((byte)'\n');
        FileSystem.Replace(path, all.ToArray());
    }
}
