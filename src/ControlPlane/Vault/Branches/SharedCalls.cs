using System.Collections.Concurrent;

namespace ControlPlane.Vault.Branches;

/// <summary>Makes one call of many that want the same at the same time; all get its outcome.</summary>
internal sealed class SharedCalls
{
    private readonly ConcurrentDictionary<string, Lazy<Task>> _running = new(StringComparer.Ordinal);

    /// <param name="name">What is wanted.</param>
    /// <param name="call">Runs once; has a time-out of its own, because no single waiter may end it for the
    /// others.</param>
    /// <param name="ct">Ends this caller's wait.</param>
    public Task RunAsync(string name, Func<Task> call, CancellationToken ct) =>
        _running.GetOrAdd(name, _ => new Lazy<Task>(() => OnceAsync(name, call))).Value.WaitAsync(ct);

    private async Task OnceAsync(string name, Func<Task> call)
    {
        try
        {
            await call();
        }
        finally
        {
            _running.TryRemove(name, out _);
        }
    }
}
