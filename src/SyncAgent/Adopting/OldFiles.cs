using System.Collections.Concurrent;
using System.Security.Cryptography;
using SyncAgent.HAProxy;
using SyncAgent.Local;
using SyncAgent.Observing;
using SyncAgent.Syncing;

namespace SyncAgent.Adopting;

/// <summary>
/// Files from before this agent, under names of somebody's choice. Once every name of such a file is served from a
/// bundle of ours, and the listener has proven it, the file leaves HAProxy's memory and its sight: it would otherwise
/// stand beside its successor for ever, and be served again when that is renewed. Nothing is deleted.
/// </summary>
internal sealed partial class OldFiles(
    BundleFiles files, NodeView view, DesiredBook book, HaproxyWriter writer, Reconciler reconciler,
    ILogger<OldFiles> log)
{
    private readonly ConcurrentDictionary<string, Known> _known = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _told = new(StringComparer.Ordinal);

    /// <summary>Looks at each once, and at those that changed again.</summary>
    /// <exception cref="IOException">The directory cannot be read or written.</exception>
    public async Task Look(CancellationToken cancel)
    {
        var directory = files.Directory.Value;
        foreach (var path in OldDirectory.Paths(directory))
        {
            if (IsOfPair(path) || (files.Directory.NameOf(path) is { } ours && book.Find(ours.Value) is not null))
            {
                continue;
            }

            var names = NamesOf(new FileInfo(path));
            if (names.Count > 0 && names.All(IsOursAndProven))
            {
                await SetAside(Path.GetFileName(path), names, cancel);
            }
        }
    }

    /// <summary>One of several keys for a name, of which HAProxy takes the one that a visitor knows: ours has one, and
    /// cannot stand for the others.</summary>
    private static bool IsOfPair(string path) =>
        path.EndsWith(".rsa", StringComparison.Ordinal) || path.EndsWith(".ecdsa", StringComparison.Ordinal)
        || path.EndsWith(".dsa", StringComparison.Ordinal);

    /// <summary>Ours is on disk, in memory and on the wire.</summary>
    private bool IsOursAndProven(string name) =>
        book.Find(name)?.Wanted is { } wanted && view.FileOf(name)?.Fingerprint == wanted.Fingerprint
            && view.IsListed(name) && view.IsLoaded(name) && view.ProvenOf(name) == wanted.Fingerprint
            && !reconciler.IsInHand(name);

    private IReadOnlyList<string> NamesOf(FileInfo file)
    {
        if (_known.TryGetValue(file.Name, out var known)
            && known.WrittenAt == file.LastWriteTimeUtc && known.Length == file.Length)
        {
            return known.Names;
        }

        IReadOnlyList<string> names;
        try
        {
            using var bundle = OldBundle.Read(file.FullName);
            names = bundle.Names;
        }
        catch (Exception unknown) when (unknown is CryptographicException or IOException or UnauthorizedAccessException)
        {
            // Not for us to judge: HAProxy has taken it, or will say so itself. The others are looked at all the same.
            LogUnreadable(file.Name, unknown.Message);
            names = [];
        }

        _known[file.Name] = new Known(file.LastWriteTimeUtc, file.Length, names);
        return names;
    }

    /// <summary>Memory first: a crash in between leaves a file that the next look takes up again.</summary>
    private async Task SetAside(string fileName, IReadOnlyList<string> names, CancellationToken cancel)
    {
        if (view.Process is not { } process)
        {
            return;
        }

        if (OldPath.TryParse(files.Directory, fileName) is not { } path)
        {
            Tell(fileName, "its name holds characters that HAProxy's runtime API could take for syntax; rename it");
            return;
        }

        switch (await writer.TakeOut(files.Directory, path, process, cancel))
        {
            case WriteOutcome.Refused refused:
                Tell(fileName, refused.Reason);
                return;
            case WriteOutcome.Replaced:
                return;
        }

        foreach (var companion in OldDirectory.Companions.Prepend("").Where(end => File.Exists(path.Value + end)))
        {
            files.SetAside(fileName + companion);
        }

        LogSetAside(fileName, names.Count, names[0]);
        _known.TryRemove(fileName, out _);
        foreach (var name in names)
        {
            // The listener is asked again, now that the old file cannot answer in its place.
            view.SetProven(process, name, null);
        }

        reconciler.Touch(names);
    }

    private void Tell(string fileName, string why)
    {
        if (_told.TryAdd(fileName, true))
        {
            LogStays(fileName, why);
        }
    }

    [LoggerMessage(LogLevel.Information, "{File} from before this agent is set aside as a dot-file: all of its {Count} "
        + "names, {First} first, are served from bundles of the fleet")]
    private partial void LogSetAside(string file, int count, string first);

    [LoggerMessage(LogLevel.Warning, "{File} from before this agent stays beside its successor: {Reason}")]
    private partial void LogStays(string file, string reason);

    [LoggerMessage(LogLevel.Warning, "{File} is no bundle this agent can read ({Reason}); it is left alone")]
    private partial void LogUnreadable(string file, string reason);

    private sealed record Known(DateTime WrittenAt, long Length, IReadOnlyList<string> Names);
}
