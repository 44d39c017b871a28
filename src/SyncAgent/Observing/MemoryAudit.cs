using ControlPlane.Contracts;
using SyncAgent.HAProxy;
using SyncAgent.Local;
using SyncAgent.Planning;
using SyncAgent.Syncing;

namespace SyncAgent.Observing;

/// <summary>How memory can differ from disk and record. All are repaired from disk.</summary>
internal static class AuditCauses
{
    /// <summary>The bundle is on disk, and memory does not know it.</summary>
    public const string Phantom = "phantom";

    /// <summary>Memory holds another bundle than the disk.</summary>
    public const string Differs = "memory-differs";

    /// <summary>Memory holds the bundle, and no crt-list serves it.</summary>
    public const string Unlisted = "unlisted";

    public static IReadOnlyList<string> All { get; } = [Phantom, Differs, Unlisted];
}

/// <summary>What nobody asked this node to hold. Nothing of it is deleted: absence is no withdrawal.</summary>
/// <param name="MemoryOnly">In HAProxy's memory, and neither on disk nor in the record: served until its next
/// start.</param>
/// <param name="DiskOnly">On disk, and neither in memory nor in the record: served from its next start on.</param>
internal sealed record AuditFindings(IReadOnlyList<string> MemoryOnly, IReadOnlyList<string> DiskOnly);

/// <summary>
/// Reads HAProxy's memory back and has the listener prove it again: all of it at once when the process is another one,
/// then a few names a second, so that everything was looked at within <see cref="AgentOptions.AuditEvery"/> and nobody
/// notices. Called from one loop.
/// </summary>
internal sealed partial class MemoryAudit(
    HaproxyMemory memory,
    HaproxyWriter writer,
    BundleFiles files,
    NodeView view,
    DesiredBook book,
    Reconciler reconciler,
    AgentMeter meter,
    Alarms alarms,
    AgentOptions options,
    ILogger<MemoryAudit> log)
{
    private readonly Queue<ServedName> _left = new();
    private int _inRound;
    private bool _hasDrifted;
    private double _credit;

    public AuditFindings Findings { get; private set; } = new([], []);

    /// <exception cref="RuntimeUnreachableException">HAProxy cannot be asked, or was replaced meanwhile.</exception>
    public async Task ReadWhole(CancellationToken cancel)
    {
        await writer.WhileNobodyWrites(
            async () => view.SetMemory(await memory.ReadAll(files.Directory, cancel), files.Directory), cancel);
        foreach (var (hostname, entry) in book.Snapshot())
        {
            Count(hostname, view.Describe(hostname, entry));
        }

        reconciler.TouchAll();
        Conclude();
        _left.Clear();
    }

    /// <param name="process">The process that everything known was read from.</param>
    /// <param name="sinceLast">Time since the step before.</param>
    /// <param name="cancel">Ends the step.</param>
    /// <exception cref="RuntimeUnreachableException">HAProxy cannot be asked, or was replaced meanwhile.</exception>
    public async Task Step(HaproxyProcess process, TimeSpan sinceLast, CancellationToken cancel)
    {
        if (_left.Count == 0)
        {
            await Begin(cancel);
        }

        _credit += _inRound * (sinceLast / options.AuditEvery);
        var slice = new List<ServedName>();
        for (; _credit >= 1 && _left.TryDequeue(out var name); _credit--)
        {
            if (!reconciler.IsInHand(name.Value))
            {
                slice.Add(name);
            }
        }

        if (slice.Count > 0)
        {
            await writer.WhileNobodyWrites(() => Look(slice, process, cancel), cancel);
            reconciler.Touch(slice.Select(name => name.Value));
        }

        if (_left.Count == 0)
        {
            Conclude();
        }
    }

    private async Task Begin(CancellationToken cancel)
    {
        IReadOnlyList<ServedName> held = [];
        await writer.WhileNobodyWrites(
            async () => held = await memory.ReadNames(files.Directory, cancel), cancel);
        var names = held.Select(name => name.Value)
            .Concat(view.Disk.Keys)
            .Concat(book.Snapshot().Keys)
            .Distinct(StringComparer.Ordinal)
            .Select(ServedName.TryParse);
        foreach (var name in names)
        {
            _left.Enqueue(name!);
        }

        _inRound = _left.Count;
        _credit = 0;
    }

    private async Task Look(IReadOnlyList<ServedName> slice, HaproxyProcess process, CancellationToken cancel)
    {
        var held = (await memory.Read([.. slice.Select(files.Directory.For)], process, cancel))
            .ToDictionary(one => one.Path, StringComparer.Ordinal);
        // In hand by now: it was injected just before this look, and its file is about to follow.
        foreach (var name in slice.Where(name => !reconciler.IsInHand(name.Value)))
        {
            var now = held.GetValueOrDefault(files.Directory.For(name).Value);
            var before = view.MemoryOf(name.Value);
            if ((before?.Fingerprint, before?.Listed) != (now?.Fingerprint, now?.IsUsed))
            {
                view.SetMemory(process, name.Value, now);
            }

            var isSound = !Count(name.Value, view.Describe(name.Value, book.Find(name.Value)));
            if (isSound && !string.IsNullOrEmpty(view.ProvenOf(name.Value)))
            {
                // A listener can go wrong without any of our doing: it is asked again.
                view.SetProven(process, name.Value, null);
            }
        }
    }

    /// <returns>True when memory is not what disk and record say.</returns>
    private bool Count(string hostname, PlannedName name)
    {
        if (name.Wanted is null || name.Disk is not { Fingerprint: not null } file)
        {
            return false;
        }

        var cause = name.Memory is null ? AuditCauses.Phantom
            : name.Memory.Fingerprint != file.MemoryFingerprint ? AuditCauses.Differs
            : name.Memory.Listed ? null
            : AuditCauses.Unlisted;
        if (cause is not null)
        {
            _hasDrifted = true;
            meter.MemoryDrifted(cause);
            LogDrift(hostname, cause);
            if (!alarms.Has(NodeAlarmCodes.MemoryDrift))
            {
                alarms.Raise(
                    NodeAlarmCodes.MemoryDrift,
                    $"HAProxy's memory was not what this node recorded, first for {hostname} ({cause}). It is loaded "
                    + "again from disk; the agent's log names the others.");
            }
        }

        return cause is not null;
    }

    private void Conclude()
    {
        var (known, disk, inMemory) = (book.Snapshot(), view.Disk, view.MemoryNames());
        var now = new AuditFindings(
            [.. inMemory.Where(name => !known.ContainsKey(name) && !disk.ContainsKey(name)).Order()],
            [.. disk.Keys.Where(name => !known.ContainsKey(name) && !inMemory.Contains(name)).Order()]);
        if (!now.MemoryOnly.SequenceEqual(Findings.MemoryOnly) || !now.DiskOnly.SequenceEqual(Findings.DiskOnly))
        {
            LogFindings(now.MemoryOnly.Count, First(now.MemoryOnly), now.DiskOnly.Count, First(now.DiskOnly));
        }

        Findings = now;
        if (!_hasDrifted)
        {
            alarms.Clear(NodeAlarmCodes.MemoryDrift);
        }

        _hasDrifted = false;
    }

    private static string First(IReadOnlyList<string> names) => names is [var first, ..] ? first : "none";

    [LoggerMessage(LogLevel.Warning, "HAProxy's memory is not what this node recorded for {Hostname} ({Cause}); it is "
        + "loaded again from disk")]
    private partial void LogDrift(string hostname, string cause);

    [LoggerMessage(LogLevel.Warning, "Names nobody asked this node to hold: {InMemory} in memory alone "
        + "({FirstInMemory} first), {OnDisk} on disk alone ({FirstOnDisk} first). Nothing of it is deleted")]
    private partial void LogFindings(int inMemory, string firstInMemory, int onDisk, string firstOnDisk);
}
