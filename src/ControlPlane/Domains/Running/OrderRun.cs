using System.Diagnostics;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Domains.Reading;
using ControlPlane.Drills;
using ControlPlane.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace ControlPlane.Domains.Running;

/// <summary>
/// One worker's hold on one order: what a step reads, changes and commits. Every commit is fenced by state and lease
/// token, and renews the lease. Between two commits there is at most one foreign call, outside any transaction.
/// </summary>
internal sealed class OrderRun(
    Order order, ControlPlaneDb db, Authorities authorities, TimeProvider time, TimeSpan lease, long claimedAt)
    : IAsyncDisposable
{
    private readonly string _step = order.State.ToString();
    private readonly DateTimeOffset _leaseFrom = order.LeaseUntil!.Value - lease;
    private readonly int _nudges = order.Nudges;
    private readonly List<Action> _afterCommit = [];
    private IDbContextTransaction? _transaction;

    public Order Order => order;

    public Domain Domain => order.Domain;

    /// <summary>The order's CA.</summary>
    /// <exception cref="CertificateAuthorityException">It is not configured (any more).</exception>
    public ICertificateAuthority Ca => authorities.Of(order.Ca);

    public ControlPlaneDb Db => db;

    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>How long the lease lasts from now, by a clock that only runs forward.</summary>
    public TimeSpan LeaseLeft => order.LeaseUntil!.Value - _leaseFrom - time.GetElapsedTime(claimedAt);

    public bool InTransaction => _transaction is not null;

    /// <summary>Opens a transaction for reads that the next commit must stand on.</summary>
    public async Task BeginAsync(CancellationToken ct) => _transaction = await db.Database.BeginTransactionAsync(ct);

    /// <summary>Locks the domain's row until the next commit, as a deletion does first, and tells whether one was
    /// requested: for moves into a state where no step would notice it any more.</summary>
    public async Task<bool> DeletionRequestedAsync(CancellationToken ct)
    {
        _transaction ??= await db.Database.BeginTransactionAsync(ct);
        await db.Database.ExecuteSqlAsync($"SELECT 1 FROM domains WHERE id = {order.DomainId} FOR NO KEY UPDATE", ct);
        return await db.Orders.Where(row => row.Id == order.Id).Select(row => row.CancelRequestedAt != null)
            .SingleAsync(ct);
    }

    /// <summary>Commits what the step changed, and renews the lease.</summary>
    /// <param name="what">Names the commit, for drills that kill the process after it.</param>
    /// <param name="ct">Ends the wait.</param>
    /// <exception cref="DbUpdateConcurrencyException">The lease was taken over: nothing was written.</exception>
    public async Task CommitAsync(string what, CancellationToken ct)
    {
        // The database's clock as of now: the claim's reading of it plus what our own stopwatch says has passed since.
        order.LeaseUntil = _leaseFrom + time.GetElapsedTime(claimedAt) + lease;
        await SaveAsync(what, ct);
    }

    /// <summary>Commits the step's end and gives the lease back.</summary>
    public async Task ReleaseAsync(string what, CancellationToken ct)
    {
        order.LeaseUntil = null;
        order.LeaseToken = null;
        await SaveAsync(what, ct);
    }

    /// <summary>After the step has gone to sleep: was there news while it looked? Then the order is due at
    /// once.</summary>
    public Task<int> WakeIfNudgedAsync(CancellationToken ct) => db.Orders
        .Where(row => row.Id == order.Id && row.State == order.State && row.LeaseToken == null)
        .Where(row => row.Nudges != _nudges || (row.CancelRequestedAt != null && row.State != OrderState.Canceling))
        .ExecuteUpdateAsync(set => set.SetProperty(row => row.NextAttemptAt, Now), ct);

    /// <summary>Makes one call to the world outside.</summary>
    public async Task<T> CallAsync<T>(string what, Func<Task<T>> call)
    {
        Debug.Assert(
            _transaction is null,
            "A foreign call inside a transaction would hold locks for as long as the world likes.");
        var result = await call();
        Failpoint.OfThisProcess.Pass($"{_step}.call.{what}", order.Hostname);
        return result;
    }

    public Task CallAsync(string what, Func<Task> call) => CallAsync(what, async () =>
    {
        await call();
        return true;
    });

    /// <summary>Tells what happened, in the transaction that makes it happen.</summary>
    /// <param name="type">One of <see cref="EventTypes"/>.</param>
    /// <param name="message">A sentence for a person.</param>
    /// <param name="ofOrder">Another order of the domain, when it happened to that one.</param>
    public void Tell(string type, string message, Guid? ofOrder = null) => db.Events.Add(new DomainEvent
    {
        At = Now,
        TenantId = Domain.TenantId,
        DomainId = Domain.Id,
        OrderId = ofOrder ?? order.Id,
        Type = type,
        Message = message,
    });

    /// <summary>Tells that it waits for something else than before: the domain, or the renewal of one that is
    /// served.</summary>
    public void TellWaiting(string message) =>
        Tell(Domain.Status == DomainStatus.Pending ? EventTypes.DomainWaiting : EventTypes.OrderWaiting, message);

    /// <summary>Called before the order moves on: what comes next is somebody else's turn, and may be over before it
    /// has a reason of its own.</summary>
    public void TellIfCustomerIsDone(OrderState to)
    {
        if (to != OrderState.Canceling && Domain.Status == DomainStatus.Pending
            && DomainFacts.ReasonOf(order)?.WaitingOn == WaitingOn.Customer)
        {
            Tell(EventTypes.DomainWaiting, "The customer has done what was asked.");
        }
    }

    /// <summary>Does something once what was changed so far is committed, and not if it is not.</summary>
    public void AfterCommit(Action action) => _afterCommit.Add(action);

    public async ValueTask DisposeAsync()
    {
        if (_transaction is not null)
        {
            await _transaction.DisposeAsync();
        }

        await db.DisposeAsync();
    }

    private async Task SaveAsync(string what, CancellationToken ct)
    {
        await db.SaveChangesAsync(ct);
        if (_transaction is not null)
        {
            await _transaction.CommitAsync(ct);
            await _transaction.DisposeAsync();
            _transaction = null;
        }

        Failpoint.OfThisProcess.Pass($"{_step}.commit.{what}", order.Hostname);
        _afterCommit.ForEach(action => action());
        _afterCommit.Clear();
    }
}
