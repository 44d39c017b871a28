using ControlPlane.Contracts;

namespace SyncAgent.Local;

/// <summary>What the record holds, for those who ask.</summary>
internal sealed partial class DesiredBook
{
    /// <summary>Names that are served and that the newest full list did not hold: nobody withdrew them, and deletion is
    /// never inferred from absence.</summary>
    /// <param name="onDisk">What the node holds.</param>
    public IReadOnlyList<StrayName> Strays(IReadOnlyDictionary<string, BundleFile> onDisk)
    {
        lock (_lock)
        {
            return Mark.Epoch == 0 || Mark.Relisting
                ? []
                : [.. onDisk
                    .Where(file => !file.Value.IsDamaged && IsStray(_entries.GetValueOrDefault(file.Key)))
                    .OrderBy(file => file.Key, StringComparer.Ordinal)
                    .Select(file => new StrayName(file.Key, file.Value.Fingerprint!, file.Value.NotAfter))];
        }
    }

    public BookEntry? Find(string hostname)
    {
        lock (_lock)
        {
            return _entries.GetValueOrDefault(hostname);
        }
    }

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _entries.Count;
            }
        }
    }

    /// <summary>Asks about every name without copying the book; <paramref name="is"/> must be quick.</summary>
    public bool All(Func<string, BookEntry, bool> @is)
    {
        lock (_lock)
        {
            return _entries.All(known => @is(known.Key, known.Value));
        }
    }

    public IReadOnlyList<Tombstone> Tombstones()
    {
        lock (_lock)
        {
            return [.. _entries.Values.Select(entry => entry.Withdrawn).OfType<Tombstone>()];
        }
    }

    public IReadOnlyDictionary<string, BookEntry> Snapshot()
    {
        lock (_lock)
        {
            return new Dictionary<string, BookEntry>(_entries, StringComparer.Ordinal);
        }
    }

    private bool IsStray(BookEntry? known) =>
        known is null || (known.Wanted is not null && known.Epoch < Mark.Epoch);
}
