using System.Security.Cryptography;

namespace ControlPlane.Vault.Branches;

/// <summary>
/// Branch keys in the clear, for as short and as few as the number of calls to the root allows: at most 1,024, none
/// older than an hour, zeroed when they go. The hour also bounds how long a replica still opens keys whose root was
/// taken from it.
/// </summary>
internal sealed class OpenedBranches : IDisposable
{
    /// <summary>Three replicas' branches of a year, 32 bytes each.</summary>
    public const int Most = 1_024;

    public static readonly TimeSpan MostAge = TimeSpan.FromHours(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly TimeProvider _time;
    private readonly ITimer _eviction;

    public OpenedBranches(TimeProvider time)
    {
        _time = time;
        _eviction = time.CreateTimer(_ => EvictAged(), null, MostAge / 12, MostAge / 12);
    }

    public delegate byte[] With(ReadOnlySpan<byte> key);

    /// <summary>Uses a branch, during which it cannot be zeroed; null when it is not held.</summary>
    public byte[]? Use(string branch, With use)
    {
        lock (_gate)
        {
            return Find(branch) is { } entry ? use(entry.Key) : null;
        }
    }

    public bool Holds(string branch)
    {
        lock (_gate)
        {
            return Find(branch) is not null;
        }
    }

    /// <param name="branch">Its name.</param>
    /// <param name="key">Owned from now on.</param>
    public void Keep(string branch, byte[] key)
    {
        lock (_gate)
        {
            Forget(branch);
            while (_entries.Count >= Most)
            {
                Forget(_entries.MinBy(entry => entry.Value.Used).Key);
            }

            var now = _time.GetTimestamp();
            _entries.Add(branch, new Entry(key, now) { Used = now });
        }
    }

    public void EvictAged()
    {
        lock (_gate)
        {
            foreach (var (branch, _) in _entries.Where(entry => IsAged(entry.Value)).ToList())
            {
                Forget(branch);
            }
        }
    }

    public void Dispose()
    {
        _eviction.Dispose();
        lock (_gate)
        {
            foreach (var branch in _entries.Keys.ToList())
            {
                Forget(branch);
            }
        }
    }

    private Entry? Find(string branch)
    {
        if (!_entries.TryGetValue(branch, out var entry))
        {
            return null;
        }

        if (IsAged(entry))
        {
            Forget(branch);
            return null;
        }

        entry.Used = _time.GetTimestamp();
        return entry;
    }

    private bool IsAged(Entry entry) => _time.GetElapsedTime(entry.Opened) >= MostAge;

    private void Forget(string branch)
    {
        if (_entries.Remove(branch, out var entry))
        {
            CryptographicOperations.ZeroMemory(entry.Key);
        }
    }

    private sealed class Entry(byte[] key, long opened)
    {
        public byte[] Key => key;

        public long Opened => opened;

        public long Used { get; set; }
    }
}
