using System.Collections.Concurrent;
using System.Threading.Channels;
using ControlPlane.Contracts;
using SyncAgent.HAProxy;
using SyncAgent.Local;
using SyncAgent.Observing;
using SyncAgent.Planning;

namespace SyncAgent.Syncing;

/// <summary>
/// Drives names to what is wanted: plans those that were touched, and acts on many at once within a bound. One name has
/// one pair of hands on it at a time; a name that fails waits by itself and holds up nobody.
/// </summary>
internal sealed partial class Reconciler(
    DesiredBook book,
    NodeView view,
    BundleSource source,
    Applier applier,
    Reporter reporter,
    Quarantine quarantine,
    AgentMeter meter,
    TimeProvider time,
    ILogger<Reconciler> log) : BackgroundService
{
    /// <summary>Names in the air between stage and handshake, at 4 kB each. HAProxy takes 457 bundles/s one at a time;
    /// this many let each stage gather a batch (of syncs, of injections) while the stages before and behind it work on
    /// others.</summary>
    private const int Hands = 96;

    /// <summary>Batches between the question to the API and the last handshake: one is asked for while the ones before
    /// it are applied, and never more than these are in memory.</summary>
    private const int BatchesAtOnce = 3;

    /// <summary>How often names that wait after a failure are looked at.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(200);

    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private readonly ConcurrentDictionary<string, bool> _touched = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Task> _inHand = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, DateTimeOffset> _waiting = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _hands = new(Hands, Hands);
    private readonly SemaphoreSlim _batches = new(BatchesAtOnce, BatchesAtOnce);
    private readonly Backoff _apiBackoff = Backoff.ForApi();

    /// <summary>True while every file on disk is in memory, apart from names that were reported as refused, and from
    /// those being renewed: between injection and rename memory is ahead of the disk, and the name is served.</summary>
    public bool IsSettled => view.Process is not null && book.All((hostname, _) =>
        view.IsLoaded(hostname) || quarantine.IsFailing(hostname)
        || (IsInHand(hostname) && view.IsListed(hostname))
        // The work on it may have ended between the two looks.
        || view.IsLoaded(hostname));

    /// <summary>True while somebody works on this name: what is seen of it now says nothing.</summary>
    public bool IsInHand(string hostname) => _inHand.ContainsKey(hostname);

    /// <summary>These names may need something done.</summary>
    public void Touch(IEnumerable<string> hostnames)
    {
        foreach (var hostname in hostnames)
        {
            _touched[hostname] = true;
            _waiting.TryRemove(hostname, out _);
        }

        _wake.Writer.TryWrite(true);
    }

    public void TouchAll() => Touch([.. book.Snapshot().Keys, .. view.Disk.Keys]);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await Drive(stoppingToken);
        }
        finally
        {
            // A write to HAProxy that began is finished; everything else hears the token.
            await Task.WhenAll(_inHand.Values).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task Drive(CancellationToken stoppingToken)
    {
        using var tick = new PeriodicTimer(Tick, time);
        var ticking = tick.WaitForNextTickAsync(stoppingToken).AsTask();
        var waking = _wake.Reader.ReadAsync(stoppingToken).AsTask();
        while (!stoppingToken.IsCancellationRequested)
        {
            var first = await Task.WhenAny(ticking, waking);
            await first;
            if (first == waking)
            {
                waking = _wake.Reader.ReadAsync(stoppingToken).AsTask();
            }
            else
            {
                ticking = tick.WaitForNextTickAsync(stoppingToken).AsTask();
            }

            if (view.Process is not null)
            {
                Dispatch(TakeDue(), stoppingToken);
            }
        }
    }

    public override void Dispose()
    {
        _hands.Dispose();
        _batches.Dispose();
        base.Dispose();
    }

    private List<string> TakeDue()
    {
        var now = time.GetUtcNow();
        var due = new List<string>();
        foreach (var hostname in _touched.Keys
            .Concat(_waiting.Where(pair => pair.Value <= now).Select(pair => pair.Key))
            .Concat(NextReplacements()))
        {
            if (!_inHand.ContainsKey(hostname))
            {
                _touched.TryRemove(hostname, out _);
                _waiting.TryRemove(hostname, out _);
                _replaceable.TryRemove(hostname, out _);
                due.Add(hostname);
            }
        }

        return [.. due.Distinct(StringComparer.Ordinal)];
    }

    private void Dispatch(List<string> due, CancellationToken cancel)
    {
        if (due.Count == 0)
        {
            return;
        }

        var known = due.ToDictionary(hostname => hostname, book.Find, StringComparer.Ordinal);
        var held = WithdrawalBreaker.Held(book.Tombstones(), book.Count, time.GetUtcNow());
        var names = due.Select(hostname => view.Describe(hostname, known[hostname])).ToArray();
        var actions = Plan.Make(new PlanInput(names, [.. held]));
        Tell(actions);
        var plan = actions.ToLookup(action => action.Hostname);
        var toFetch = new List<Job>();
        foreach (var hostname in due)
        {
            var job = new Job(ServedName.TryParse(hostname)!, known[hostname], [.. plan[hostname]]);
            if (job.Actions.Any(action => action.Kind == ActionKind.Fetch))
            {
                toFetch.Add(job);
            }
            else
            {
                Start([job], Task.Run(() => Work(job, null, cancel), cancel));
            }
        }

        var urgent = toFetch.Where(job => !CanWait(job)).OrderBy(job => job.Entry!.Wanted!.NotAfter);
        foreach (var batch in urgent.Chunk(Routes.MaxBundlesPerFetch))
        {
            Start(batch, Task.Run(() => FetchAndWork(batch, cancel), cancel));
        }

        Replace([.. toFetch.Where(CanWait)], cancel);
    }

    private void Start(IReadOnlyList<Job> jobs, Task task)
    {
        foreach (var job in jobs)
        {
            _inHand[job.Name.Value] = task;
        }

        _ = task.ContinueWith(
            done =>
            {
                foreach (var job in jobs)
                {
                    _inHand.TryRemove(job.Name.Value, out _);
                    if (done.IsFaulted)
                    {
                        LogSurprise(done.Exception!.InnerException!, job.Name.Value);
                        WaitAfterFailure(job, cause: null);
                    }
                }

                _wake.Writer.TryWrite(true);
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    private async Task FetchAndWork(Job[] batch, CancellationToken cancel)
    {
        // What is on disk is loaded first: the API may be away, and the last good bundle is better than none.
        var withFile = batch.Where(job => job.Actions.Any(action => action.Kind == ActionKind.LoadFromDisk));
        await Task.WhenAll(
            withFile.Select(job => Work(job with { Actions = job.Before(ActionKind.Fetch) }, null, cancel)));

        await _batches.WaitAsync(cancel);
        try
        {
            if (await TryFetch(batch, cancel) is { } arrived)
            {
                await Task.WhenAll(
                    batch.Select(job => Work(job, arrived.GetValueOrDefault(job.Entry!.Domain), cancel)));
            }
        }
        finally
        {
            _batches.Release();
        }
    }

    private void Later(IEnumerable<Job> jobs, TimeSpan delay)
    {
        var at = time.GetUtcNow() + delay;
        foreach (var job in jobs)
        {
            _waiting[job.Name.Value] = at;
        }
    }

    private sealed record Job(ServedName Name, BookEntry? Entry, IReadOnlyList<PlannedAction> Actions)
    {
        public bool IsHeld => Actions.Any(action => action.Kind == ActionKind.HoldWithdrawal);

        public IReadOnlyList<PlannedAction> Before(ActionKind kind) =>
            [.. Actions.TakeWhile(action => action.Kind != kind)];
    }
}
