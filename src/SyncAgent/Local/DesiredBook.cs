using System.Text.Json;
using ControlPlane.Contracts;

namespace SyncAgent.Local;

/// <summary>
/// The node's manifest: the desired state as last heard, on disk, so that a restart without the API serves and verifies
/// everything. A journal, because a change then costs one short append and not the whole fleet's list.
/// </summary>
internal sealed partial class DesiredBook : IDisposable
{
    private readonly Dictionary<string, BookEntry> _entries = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private readonly HighWater _highest;
    private readonly FileStream _journal;

    private DesiredBook(string path, HighWater highest, Func<string, Tombstone, bool> isDone)
    {
        _highest = highest;
        if (File.Exists(path))
        {
            Replay(path);
        }

        var (known, mark) = (highest.Mark, Mark);
        if (known.Epoch > mark.Epoch || (known.Epoch == mark.Epoch && known.Revision > mark.Revision))
        {
            // The journal has lost what came last: everything is asked for again, and nothing older is taken.
            Mark = new BookMark(known.Epoch, known.Revision, null, Relisting: true);
        }
        else if (mark.Epoch > 0)
        {
            highest.Raise(mark.Epoch, mark.Revision);
            Mark = mark with { Relisting = mark.Relisting || mark.Cursor is null };
        }

        foreach (var (hostname, entry) in _entries.Where(pair => pair.Value.Withdrawn is not null).ToArray())
        {
            if (isDone(hostname, entry.Withdrawn!))
            {
                _entries.Remove(hostname);
            }
        }

        Compact(path);
        DigestAnew();
        _journal = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read);
    }

    public BookMark Mark { get; private set; } = new(0, 0, null, Relisting: true);

    /// <summary>Where a journal that was damaged before its last line was copied to; null when it was whole.</summary>
    public string? SetAside { get; private set; }

    /// <param name="journalFile">Made when absent.</param>
    /// <param name="highest">What was accepted before: nothing older is recorded.</param>
    /// <param name="isDone">Withdrawals that were carried out long ago and may be forgotten.</param>
    public static DesiredBook Open(string journalFile, HighWater highest, Func<string, Tombstone, bool> isDone) =>
        new(journalFile, highest, isDone);

    /// <summary>Records a page durably, then takes it as the truth.</summary>
    /// <returns>The names that changed; null when the page is older than one accepted before.</returns>
    public IReadOnlyList<string>? Record(DesiredStatePage page)
    {
        lock (_lock)
        {
            if (_highest.IsOlder(page) || IsOlderPage(page))
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
            var mark = new BookMark(
                page.Epoch, revision, page.Cursor, Relisting: (newEpoch || Mark.Relisting) && page.More);
            Append([.. lines, new JournalLine(null, null, mark, mark.Epoch)]);
            // Before it is taken: where the disk refuses this one, the page is asked for again, and told as news.
            _highest.Raise(mark.Epoch, mark.Revision, page.More ? null : page.At);
            lines.ForEach(Apply);
            Mark = mark;
            if (newEpoch)
            {
                DigestAnew();
            }

            return [.. lines.Select(HostnameOf)];
        }
    }

    /// <summary>The history behind the cursor is gone: ask for everything. What is known stays known.</summary>
    public void ForgetCursor()
    {
        lock (_lock)
        {
            Mark = Mark with { Cursor = null, Relisting = true };
            Append([new JournalLine(null, null, Mark, Mark.Epoch)]);
        }
    }

    public void Dispose() => _journal.Dispose();

    private static string HostnameOf(JournalLine line) => line.Wanted?.Hostname ?? line.Withdrawn!.Hostname;

    private static long RevisionOf(JournalLine line) => line.Wanted?.Revision ?? line.Withdrawn!.Revision;

    /// <summary>A page with others behind it may lie below what is known only while everything is asked for
    /// again.</summary>
    private bool IsOlderPage(DesiredStatePage page) =>
        page.Epoch == Mark.Epoch && page.Revision < Mark.Revision && !Mark.Relisting;

    private bool IsNews(JournalLine line)
    {
        if (!_entries.TryGetValue(HostnameOf(line), out var known))
        {
            return true;
        }

        // A restore to a moment between a name's deletion and its next registration: this tombstone is the earlier
        // domain's, and nobody withdrew the one that is served, which the control plane has forgotten. Ids of domains
        // grow with time.
        if (line.Withdrawn is { } gone && known.Wanted is { } served && line.Epoch > known.Epoch
            && gone.Domain < served.Domain)
        {
            return false;
        }

        var revision = RevisionOf(line);
        // At one revision: an approval may arrive later for a withdrawal that is already known, and a name may pass
        // from one domain to another, whose withdrawal never undoes what the other's page has brought.
        return line.Epoch > known.Epoch || revision > known.Revision
            || (revision == known.Revision && known.Wanted is null && !Equals(line.Withdrawn, known.Withdrawn));
    }

    private void Apply(JournalLine line)
    {
        if (line.Mark is not null)
        {
            Mark = line.Mark;
        }
        else
        {
            Toggle(_entries.GetValueOrDefault(HostnameOf(line)));
            Toggle(_entries[HostnameOf(line)] = new BookEntry(line.Wanted, line.Withdrawn, line.Epoch));
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
        string? broken = null;
        foreach (var text in File.ReadLines(path))
        {
            if (broken is not null)
            {
                // Lines behind a broken one: no power cut does that. What they said is asked for again.
                SetAside = path + ".damaged";
                File.Copy(path, SetAside, overwrite: true);
                break;
            }

            try
            {
                Apply(JsonSerializer.Deserialize(text, JournalJson.Default.JournalLine)
                    ?? throw new JsonException("An empty line."));
            }
            catch (JsonException)
            {
                // The last line, cut short by a power cut: its page's mark was not written either, so the page is asked
                // for again.
                broken = text;
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
