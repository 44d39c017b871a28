using System.Collections.Concurrent;

namespace ControlPlane.Nodes.Publishing;

/// <summary>
/// Long polls that wait for their fleet's next revision. One task per fleet, shared by all its polls, so that waiting
/// costs neither thread nor query. A poll takes the task BEFORE it reads: a batch published in between has completed it
/// already.
/// </summary>
internal sealed class DesiredStateWaiters
{
    private readonly ConcurrentDictionary<Guid, TaskCompletionSource> _next = new();

    /// <summary>Completes at the fleet's next wake after this call.</summary>
    public Task NextChange(Guid fleet) => _next.GetOrAdd(
        fleet, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    /// <summary>The fleet may have a new revision.</summary>
    public void Wake(Guid fleet)
    {
        if (_next.TryRemove(fleet, out var waiting))
        {
            waiting.TrySetResult();
        }
    }

    /// <summary>Any fleet may have: something was possibly missed.</summary>
    public void WakeAll()
    {
        foreach (var fleet in _next.Keys)
        {
            Wake(fleet);
        }
    }
}
