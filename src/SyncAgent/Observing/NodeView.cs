using ControlPlane.Contracts;
using SyncAgent.HAProxy;
using SyncAgent.Local;
using SyncAgent.Planning;

namespace SyncAgent.Observing;

/// <summary>
/// What the agent knows of its own node: disk, HAProxy's memory, and what the listener has shown. Belongs to one
/// HAProxy process; with another pid or start time everything but the disk is unknown.
/// </summary>
/// <param name="tls13">Which names HAProxy would serve without TLS 1.2 at its next start.</param>
internal sealed class NodeView(Tls13List tls13)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, PlannedMemory> _memory = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _proven = new(StringComparer.Ordinal);
    private readonly Dictionary<string, BundleFile> _disk = new(StringComparer.Ordinal);
    private HaproxyProcess? _process;

    /// <summary>The process that memory was read from; null while nothing is known.</summary>
    public HaproxyProcess? Process
    {
        get
        {
            lock (_lock)
            {
                return _process;
            }
        }
    }

    public IReadOnlyDictionary<string, BundleFile> Disk
    {
        get
        {
            lock (_lock)
            {
                return new Dictionary<string, BundleFile>(_disk, StringComparer.Ordinal);
            }
        }
    }

    /// <summary>When the first of the bundles on disk expires; null when there is none.</summary>
    public DateTimeOffset? FirstExpiry
    {
        get
        {
            lock (_lock)
            {
                return _disk.Values.Where(file => !file.IsDamaged).Min(file => (DateTimeOffset?)file.NotAfter);
            }
        }
    }

    public IReadOnlySet<string> MemoryNames()
    {
        lock (_lock)
        {
            return _memory.Keys.ToHashSet(StringComparer.Ordinal);
        }
    }

    /// <summary>True unless the name has a file that memory does not serve.</summary>
    public bool IsLoaded(string hostname)
    {
        lock (_lock)
        {
            return !_disk.TryGetValue(hostname, out var file)
                || (_memory.TryGetValue(hostname, out var held) && held.Listed
                    && held.Fingerprint == file.MemoryFingerprint);
        }
    }

    /// <summary>True while memory serves the name, be it with another bundle than the disk holds.</summary>
    public bool IsListed(string hostname)
    {
        lock (_lock)
        {
            return _memory.TryGetValue(hostname, out var held) && held is { Listed: true, Fingerprint: not null };
        }
    }

    /// <summary>Takes a look at the directory, except for names that were written while it lasted.</summary>
    public void SetDisk(IReadOnlyDictionary<string, BundleFile> before, IReadOnlyDictionary<string, BundleFile> found)
    {
        lock (_lock)
        {
            foreach (var hostname in before.Keys.Union(found.Keys).ToArray())
            {
                if (_disk.GetValueOrDefault(hostname) == before.GetValueOrDefault(hostname))
                {
                    SetFileLocked(hostname, found.GetValueOrDefault(hostname));
                }
            }
        }
    }

    public void SetFile(string hostname, BundleFile? file)
    {
        lock (_lock)
        {
            SetFileLocked(hostname, file);
        }
    }

    public BundleFile? FileOf(string hostname)
    {
        lock (_lock)
        {
            return _disk.GetValueOrDefault(hostname);
        }
    }

    public PlannedMemory? MemoryOf(string hostname)
    {
        lock (_lock)
        {
            return _memory.GetValueOrDefault(hostname);
        }
    }

    public string? ProvenOf(string hostname)
    {
        lock (_lock)
        {
            return _proven.GetValueOrDefault(hostname);
        }
    }

    /// <summary>HAProxy is another one, or away: nothing that it said holds any more.</summary>
    public void ForgetMemory()
    {
        lock (_lock)
        {
            _process = null;
            _memory.Clear();
            _proven.Clear();
        }
    }

    /// <summary>Takes a full look. What the same process has proven before stays proven where its memory is
    /// unchanged.</summary>
    public void SetMemory(MemoryInventory seen, CertificateDirectoryPath directory)
    {
        lock (_lock)
        {
            if (_process != seen.Process)
            {
                _proven.Clear();
            }

            _process = seen.Process;
            _memory.Clear();
            foreach (var held in seen.Certificates.Values)
            {
                if (directory.NameOf(held.Path) is { } name)
                {
                    var (listed, tls13) = (seen.Listed.Contains(held.Path), seen.Tls13.Contains(held.Path));
                    _memory[name.Value] = new PlannedMemory(
                        held.Fingerprint, held.IsUsed && (listed || tls13),
                        !tls13 ? Listing.Directory : listed ? Listing.Both : Listing.Tls13);
                }
            }
        }
    }

    /// <summary>One name's memory after a write, if the process is still the one that was written to.</summary>
    /// <param name="process">That one.</param>
    /// <param name="hostname">The name.</param>
    /// <param name="held">What it holds; null for nothing.</param>
    /// <param name="listing">By which crt-list it is served; null when that was not touched.</param>
    public void SetMemory(HaproxyProcess process, string hostname, HeldCertificate? held, Listing? listing = null)
    {
        lock (_lock)
        {
            if (_process != process)
            {
                return;
            }

            _proven.Remove(hostname);
            if (held is null)
            {
                _memory.Remove(hostname);
            }
            else
            {
                _memory[hostname] = new PlannedMemory(
                    held.Fingerprint, held.IsUsed,
                    listing ?? _memory.GetValueOrDefault(hostname)?.In ?? Listing.Directory);
            }
        }
    }

    /// <summary>What a handshake with this process has shown: a fingerprint, empty text for "the name is gone", null
    /// for a failure.</summary>
    public void SetProven(HaproxyProcess process, string hostname, string? fingerprint)
    {
        lock (_lock)
        {
            if (_process != process || fingerprint is null)
            {
                _proven.Remove(hostname);
            }
            else
            {
                _proven[hostname] = fingerprint;
            }
        }
    }

    public PlannedName Describe(string hostname, BookEntry? entry)
    {
        lock (_lock)
        {
            var file = _disk.GetValueOrDefault(hostname);
            return new PlannedName(
                hostname,
                entry?.Wanted?.Fingerprint,
                entry?.Withdrawn is not null,
                file is null ? null : new PlannedFile(file.Fingerprint, file.MemoryFingerprint),
                _memory.GetValueOrDefault(hostname),
                _proven.GetValueOrDefault(hostname),
                TlsVersions.OnWire(entry?.Wanted?.TlsMinimum ?? TlsVersions.Default) is not null,
                tls13.Holds(hostname));
        }
    }

    private void SetFileLocked(string hostname, BundleFile? file)
    {
        if (file is null)
        {
            _disk.Remove(hostname);
        }
        else
        {
            _disk[hostname] = file;
        }
    }
}
