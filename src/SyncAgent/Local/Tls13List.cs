using System.Text;
using SyncAgent.HAProxy;

namespace SyncAgent.Local;

/// <summary>
/// The names that refuse TLS 1.2, as the crt-list that HAProxy reads at its start, before the directory: of two entries
/// for one name the first counts. Without it a restart would serve them in TLS 1.2 until the agent has looked, and for
/// as long as the agent is away. A line whose file is missing would stop HAProxy's start: a line is written after its
/// file and goes before it.
/// </summary>
internal sealed class Tls13List
{
    /// <summary>Names that share one write: the whole file is written anew.</summary>
    private const int WrittenTogether = 256;

    private readonly CertificateDirectoryPath _directory;
    private readonly Gathering<(ServedName Name, bool On), Outcome> _changes;
    private readonly Lock _lock = new();
    private readonly SortedSet<string> _lines = new(StringComparer.Ordinal);

    /// <param name="directory">Where it is, as a dot-file. Made, without a line, when there is none: HAProxy does not
    /// start without the file. Lines of a directory that was copied to here are brought to this one; what leads nowhere
    /// goes.</param>
    /// <exception cref="IOException">The directory is not there.</exception>
    /// <exception cref="UnauthorizedAccessException">It cannot be written.</exception>
    public Tls13List(CertificateDirectoryPath directory)
    {
        _directory = directory;
        _changes = new(WrittenTogether, batch => Task.FromResult(WriteAll(batch)));
        var found = TryRead();
        string[] whole = [.. (found ?? []).Select(NameIn).OfType<ServedName>().Where(IsThere).Select(LineOf)
            .Distinct().Order(StringComparer.Ordinal)];
        _lines.UnionWith(whole);
        if (found is null || !found.SequenceEqual(whole))
        {
            Write(whole);
        }
    }

    public bool Holds(string hostname)
    {
        lock (_lock)
        {
            return ServedName.TryParse(hostname) is { } name && _lines.Contains(LineOf(name));
        }
    }

    /// <summary>Adds or takes out a name, durably.</summary>
    /// <exception cref="IOException">The disk failed; the list is as it was.</exception>
    public async Task Set(ServedName name, bool on)
    {
        if (Holds(name.Value) != on)
        {
            (await _changes.Do((name, on), CancellationToken.None)).ThrowIfFaulted();
        }
    }

    /// <summary>Takes a name out and then its file, with nobody in between to put it back.</summary>
    /// <param name="name">The name.</param>
    /// <param name="remove">Takes the file away.</param>
    /// <exception cref="IOException">The disk failed; the file may still be there, without its line.</exception>
    public void DropWith(ServedName name, Action remove)
    {
        lock (_lock)
        {
            if (_lines.Contains(LineOf(name)))
            {
                Write([.. _lines.Where(line => line != LineOf(name))]);
            }

            remove();
        }
    }

    /// <summary>Takes out what somebody else's hand has deleted, before HAProxy's next start meets the line.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public void DropMissing()
    {
        lock (_lock)
        {
            var left = _lines.Where(line => IsThere(NameIn(line)!)).ToArray();
            if (left.Length < _lines.Count)
            {
                Write(left);
            }
        }
    }

    private IReadOnlyList<Outcome> WriteAll(IReadOnlyList<(ServedName Name, bool On)> batch)
    {
        var written = Outcome.Of(() =>
        {
            lock (_lock)
            {
                var lines = new SortedSet<string>(_lines, StringComparer.Ordinal);
                foreach (var (name, on) in batch)
                {
                    // Its file may have been taken away meanwhile: it comes back, and the name with it.
                    _ = on && IsThere(name) ? lines.Add(LineOf(name)) : lines.Remove(LineOf(name));
                }

                Write(lines);
            }
        });
        return [.. batch.Select(_ => written)];
    }

    private void Write(IReadOnlyCollection<string> lines)
    {
        // No secret; and whoever writes HAProxy's configuration, often root, makes it for the agent's user to read.
        FileSystem.Replace(
            _directory.Tls13List, Encoding.ASCII.GetBytes(string.Concat(lines.Select(line => line + '\n'))),
            FileSystem.OwnerWrites);
        _lines.Clear();
        _lines.UnionWith(lines);
    }

    private string LineOf(ServedName name) => _directory.For(name).Tls13Entry;

    private bool IsThere(ServedName name) => File.Exists(_directory.For(name).Value);

    /// <summary>The name of the file that a line is about, wherever it is.</summary>
    private ServedName? NameIn(string line) =>
        _directory.NameOf(Path.Combine(_directory.Value, Path.GetFileName(line.Split(' ')[0])));

    /// <returns>null when there is none that this user may read: it is written anew, and names that belong on it come
    /// back as soon as they are planned.</returns>
    private string[]? TryRead()
    {
        try
        {
            return File.Exists(_directory.Tls13List) ? File.ReadAllLines(_directory.Tls13List) : null;
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
    }
}
