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
    /// start without the file.</param>
    /// <exception cref="IOException">The directory is not there, or cannot be written.</exception>
    public Tls13List(CertificateDirectoryPath directory)
    {
        _directory = directory;
        _changes = new(WrittenTogether, batch => Task.FromResult(WriteAll(batch)));
        if (!File.Exists(directory.Tls13List))
        {
            FileSystem.Replace(directory.Tls13List, []);
        }
        else
        {
            _lines.UnionWith(File.ReadLines(directory.Tls13List).Where(line => NameOn(line) is not null));
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

    /// <summary>Takes a name out whose file is about to go.</summary>
    /// <exception cref="IOException">The disk failed; the file must stay.</exception>
    public void Drop(ServedName name)
    {
        lock (_lock)
        {
            if (_lines.Contains(LineOf(name)))
            {
                Write([.. _lines.Where(line => line != LineOf(name))]);
            }
        }
    }

    /// <summary>Takes out what somebody else's hand has deleted, before HAProxy's next start meets the line.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public void DropMissing()
    {
        lock (_lock)
        {
            var left = _lines.Where(line => File.Exists(_directory.For(NameOn(line)!).Value)).ToArray();
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
                    _ = on ? lines.Add(LineOf(name)) : lines.Remove(LineOf(name));
                }

                Write(lines);
            }
        });
        return [.. batch.Select(_ => written)];
    }

    private void Write(IReadOnlyCollection<string> lines)
    {
        FileSystem.Replace(
            _directory.Tls13List, Encoding.ASCII.GetBytes(string.Concat(lines.Select(line => line + '\n'))));
        _lines.Clear();
        _lines.UnionWith(lines);
    }

    private string LineOf(ServedName name) => _directory.For(name).Tls13Entry;

    private ServedName? NameOn(string line) =>
        _directory.NameOf(line.Split(' ')[0]) is { } name && LineOf(name) == line ? name : null;
}
