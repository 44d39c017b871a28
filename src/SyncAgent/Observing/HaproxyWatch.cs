using SyncAgent.Adopting;
using SyncAgent.HAProxy;
using SyncAgent.Local;
using SyncAgent.Syncing;

namespace SyncAgent.Observing;

/// <summary>
/// Notices that HAProxy is another one (restart, reload) or that files changed, reads what is there, and lets the
/// reconciler compare. Until a look has succeeded everything about memory is unknown.
/// </summary>
internal sealed partial class HaproxyWatch(
    HaproxyMemory memory,
    HaproxyWriter writer,
    BundleFiles files,
    NodeView view,
    MemoryAudit audit,
    Reconciler reconciler,
    DesiredBook book,
    OldFiles old,
    TimeProvider time,
    ILogger<HaproxyWatch> log) : BackgroundService
{
    /// <summary>Reading the pid costs 0.2 ms; a restart must be noticed well within the minute that it may take to
    /// heal.
    /// </summary>
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    /// <summary>Times and lengths of all files; cheap, and a damaged file must be out of sight before the next
    /// start.</summary>
    private const int TicksPerDiskLook = 15;

    /// <summary>The releases whose runtime API the rules of this program were measured on.</summary>
    private const string MeasuredVersion = "2.6.";

    private readonly HashSet<string> _leftAlone = new(StringComparer.Ordinal);
    private int _tick;
    private long _lookedAt = time.GetTimestamp();

    /// <summary>Puts damaged files out of sight: done before anything else, because HAProxy may be about to
    /// start. What is nobody's of ours stays.</summary>
    public void LookAtDisk()
    {
        var before = view.Disk;
        var found = files.ReadAll(before);
        var strangers = found.Where(pair => pair.Value.IsDamaged && book.Find(pair.Key) is null).ToArray();
        foreach (var (hostname, _) in strangers)
        {
            // Nobody's of ours: a link, or a key that only HAProxy reads, is served all the same.
            found.Remove(hostname);
            if (_leftAlone.Add(hostname))
            {
                LogLeftAlone(hostname);
            }
        }

        view.SetDisk(before, found);
        foreach (var (hostname, _) in found.Where(pair => pair.Value.IsDamaged))
        {
            LogDamaged(hostname);
            files.Quarantine(ServedName.TryParse(hostname)!);
            view.SetFile(hostname, null);
        }

        reconciler.Touch(found.Keys.Union(before.Keys).Where(
            name => found.GetValueOrDefault(name) != before.GetValueOrDefault(name)));
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var backoff = Backoff.ForHaproxy();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Look(stoppingToken);
                backoff.Succeeded();
                await Task.Delay(Jitter.Spread(Tick), time, stoppingToken);
            }
            catch (RuntimeUnreachableException away)
            {
                if (view.Process is not null)
                {
                    LogAway(away.Message);
                }

                view.ForgetMemory();
                TryLookAtDisk();
                await Task.Delay(backoff.Failed(), time, stoppingToken);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                LogDiskUnreadable(failure.Message);
                await Task.Delay(backoff.Failed(), time, stoppingToken);
            }
        }
    }

    /// <summary>HAProxy and the disk may be away at the same time, and neither is a reason to end.</summary>
    private void TryLookAtDisk()
    {
        try
        {
            LookAtDisk();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            LogDiskUnreadable(failure.Message);
        }
    }

    private async Task Look(CancellationToken cancel)
    {
        var process = await memory.ReadProcess(cancel);
        var isAnother = process != view.Process;
        if (isAnother)
        {
            LogProcess(process.Version, process.Pid);
            if (!process.Version.StartsWith(MeasuredVersion, StringComparison.Ordinal))
            {
                LogOtherVersion(process.Version, MeasuredVersion);
            }

            view.ForgetMemory();
            LookAtDisk();
            await writer.AbortStale(cancel);
        }

        if (isAnother)
        {
            await audit.ReadWhole(cancel);
        }
        else
        {
            await audit.Step(process, time.GetElapsedTime(_lookedAt), cancel);
        }

        _lookedAt = time.GetTimestamp();
        if (++_tick % TicksPerDiskLook == 0)
        {
            LookAtDisk();
            await old.Look(cancel);
        }
    }

    [LoggerMessage(LogLevel.Information, "HAProxy {Version} answers with pid {Pid}; reading its memory")]
    private partial void LogProcess(string version, int pid);

    [LoggerMessage(LogLevel
        .Warning, "HAProxy {Version} is not a {Measured} release: replies that differ from those measured there "
        + "are taken as refusals, and every bundle is proven by handshake as always")]
    private partial void LogOtherVersion(string version, string measured);

    [LoggerMessage(LogLevel.Warning, "HAProxy is away: {Reason}")]
    private partial void LogAway(string reason);

    [LoggerMessage(
        LogLevel.Error, "The bundle of {Hostname} on disk is damaged: moved out of HAProxy's sight and fetched again")]
    private partial void LogDamaged(string hostname);

    [LoggerMessage(
        LogLevel.Warning, "The file of {Hostname} is a link, not readable, or damaged, and nobody asked this node to "
        + "serve the name: it is left alone. If HAProxy cannot load it either, its next start fails")]
    private partial void LogLeftAlone(string hostname);

    [LoggerMessage(LogLevel.Error, "The certificate directory cannot be read: {Reason}")]
    private partial void LogDiskUnreadable(string reason);
}
