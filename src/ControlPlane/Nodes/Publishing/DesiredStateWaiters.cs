using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using ControlPlane.Metrics;
using Microsoft.Extensions.Options;

namespace ControlPlane.Nodes.Publishing;

/// <summary>The time until a fleet's next change. What is read within it is the same for everyone who waits for its
/// end.</summary>
internal sealed class FleetChange
{
    private readonly TaskCompletionSource _happened = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the fleet may have a new revision.</summary>
    public Task Happened => _happened.Task;

    public void Tell() => _happened.TrySetResult();
}

/// <summary>
/// Long polls that wait for their fleet's next revision. One task per fleet, shared by all its polls, so that waiting
/// costs neither thread nor query. A poll takes the task BEFORE it reads: a batch published in between has completed it
/// already.
/// </summary>
internal sealed class DesiredStateWaiters
{
    /// <summary>Seats of one node: for the poll it waits with, and for those whose connections broke unnoticed. A
    /// stolen node that takes all it can get leaves the rest to the others.</summary>
    public const int SeatsPerNode = 4;

    private readonly IOptions<NodeOptions> _options;
    private readonly ConcurrentDictionary<Guid, FleetChange> _next = new();
    private readonly ConcurrentDictionary<Guid, (long Epoch, long Revision)> _told = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<Guid, int> _seats = [];
    private int _waiting;

    public DesiredStateWaiters(IOptions<NodeOptions> options, IMeterFactory meters)
    {
        _options = options;
        meters.Create(Instruments.MeterName).CreateObservableGauge(
            "controlplane_desired_state_waiting", () => Waiting,
            description: "Polls of desired state that wait for a change on this replica.");
    }

    /// <summary>Polls that wait now.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>The time until the fleet's next wake after this call.</summary>
    public FleetChange NextChange(Guid fleet) => _next.GetOrAdd(fleet, _ => new FleetChange());

    /// <summary>A seat to wait in, given back when disposed; null when <see cref="NodeOptions.MaxWaiting"/> are taken,
    /// or the node has its share of them.</summary>
    public IDisposable? TakeSeat(Guid node)
    {
        lock (_gate)
        {
            var own = _seats.GetValueOrDefault(node);
            if (_waiting >= _options.Value.MaxWaiting || own >= SeatsPerNode)
            {
                return null;
            }

            _seats[node] = own + 1;
            _waiting++;
        }

        return new Seat(this, node);
    }

    /// <summary>The fleet has this revision. Told a second time (by the publisher itself, and by the database's
    /// notification) it wakes nobody.</summary>
    public void Wake(Guid fleet, long epoch, long revision)
    {
        var news = false;
        _told.AddOrUpdate(
            fleet,
            _ =>
            {
                news = true;
                return (epoch, revision);
            },
            (_, told) =>
            {
                news = (epoch, revision).CompareTo(told) > 0;
                return news ? (epoch, revision) : told;
            });
        if (news)
        {
            Wake(fleet);
        }
    }

    /// <summary>The fleet may have a new revision.</summary>
    public void Wake(Guid fleet)
    {
        if (_next.TryRemove(fleet, out var waiting))
        {
            waiting.Tell();
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

    private void GiveBack(Guid node)
    {
        lock (_gate)
        {
            _waiting--;
            if (--_seats[node] == 0)
            {
                _seats.Remove(node);
            }
        }
    }

    private sealed class Seat(DesiredStateWaiters waiters, Guid node) : IDisposable
    {
        private int _isGivenBack;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isGivenBack, 1) == 0)
            {
                waiters.GiveBack(node);
            }
        }
    }
}
