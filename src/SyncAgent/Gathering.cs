using System.Runtime.ExceptionServices;

namespace SyncAgent;

/// <summary>
/// Group commit: while one batch is worked on, the next one gathers. What costs as much for one as for many (a sync of
/// the disk, a connection) is paid once a batch, and nobody waits for a batch to fill.
/// </summary>
/// <param name="most">Most items in one batch.</param>
/// <param name="work">Works on a batch and returns one result for each item, in their order. What it throws, every item
/// of the batch throws. One batch at a time.</param>
internal sealed class Gathering<TItem, TResult>(
    int most, Func<IReadOnlyList<TItem>, Task<IReadOnlyList<TResult>>> work)
{
    private readonly Lock _lock = new();
    private readonly Queue<Waiting> _waiting = new();
    private bool _isWorking;

    /// <param name="item">Belongs to the batch until the task ends.</param>
    /// <param name="cancel">Takes the item back as long as its batch has not begun.</param>
    public Task<TResult> Do(TItem item, CancellationToken cancel)
    {
        var waiting = new Waiting(
            item, new TaskCompletionSource<TResult>(TaskCreationOptions.RunContinuationsAsynchronously), cancel);
        lock (_lock)
        {
            _waiting.Enqueue(waiting);
            if (_isWorking)
            {
                return waiting.Done.Task;
            }

            _isWorking = true;
        }

        // A thread of its own: a sync of the disk blocks, and the pool's few threads have handshakes to make.
        _ = Task.Factory.StartNew(
            Drain, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        return waiting.Done.Task;
    }

    private async Task Drain()
    {
        while (Take() is { Count: > 0 } batch)
        {
            try
            {
                var results = await work([.. batch.Select(waiting => waiting.Item)]);
                for (var i = 0; i < batch.Count; i++)
                {
                    batch[i].Done.SetResult(results[i]);
                }
            }
            catch (Exception failure)
            {
                batch.ForEach(waiting => waiting.Done.TrySetException(failure));
            }
        }
    }

    /// <returns>Empty when nobody waits: the next item starts a worker anew.</returns>
    private List<Waiting> Take()
    {
        var batch = new List<Waiting>();
        lock (_lock)
        {
            while (batch.Count < most && _waiting.TryDequeue(out var next))
            {
                if (next.Cancel.IsCancellationRequested)
                {
                    next.Done.SetCanceled(next.Cancel);
                }
                else
                {
                    batch.Add(next);
                }
            }

            _isWorking = batch.Count > 0;
        }

        return batch;
    }

    private sealed record Waiting(TItem Item, TaskCompletionSource<TResult> Done, CancellationToken Cancel);
}

/// <summary>An outcome of one item among many: done, or what stood in the way.</summary>
internal readonly record struct Outcome(Exception? Fault)
{
    public static Outcome Of(Action act)
    {
        try
        {
            act();
            return default;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return new Outcome(fault);
        }
    }

    public void ThrowIfFaulted()
    {
        if (Fault is not null)
        {
            ExceptionDispatchInfo.Throw(Fault);
        }
    }
}
