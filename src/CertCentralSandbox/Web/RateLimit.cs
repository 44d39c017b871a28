namespace CertCentralSandbox.Web;

/// <summary>
/// The documented quota of one API key, on rolling windows of the wall clock: 100 calls in 5 s, tested first, and 1000
/// in 3 min. Whether refused calls count is not documented; here they do not.
/// </summary>
internal sealed class RateLimit(TimeProvider time)
{
    private static readonly (int Calls, TimeSpan Window)[] Quotas =
    [
        (100, TimeSpan.FromSeconds(5)),
        (1000, TimeSpan.FromMinutes(3)),
    ];

    private readonly Lock _gate = new();
    private readonly Queue<long>[] _taken = [.. Quotas.Select(_ => new Queue<long>())];

    /// <summary>Takes one call, or says that a window is full.</summary>
    public bool Take()
    {
        var now = time.GetTimestamp();
        lock (_gate)
        {
            for (var i = 0; i < Quotas.Length; i++)
            {
                while (_taken[i].TryPeek(out var oldest) && time.GetElapsedTime(oldest, now) >= Quotas[i].Window)
                {
                    _taken[i].Dequeue();
                }

                if (_taken[i].Count >= Quotas[i].Calls)
                {
                    return false;
                }
            }

            foreach (var window in _taken)
            {
                window.Enqueue(now);
            }

            return true;
        }
    }
}
