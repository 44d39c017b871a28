namespace ControlPlane.Http;

/// <summary>
/// A look at the database that anybody may ask for and no rate limits: one at a time, shared by all who ask meanwhile,
/// so that strangers take one connection of the pool together, and not one each.
/// </summary>
/// <param name="fresh">How long a look that succeeded answers; zero: until it is over.</param>
/// <param name="time">The clock.</param>
internal sealed class SharedLook<T>(TimeSpan fresh, TimeProvider time)
{
    private readonly Lock _turn = new();
    private Task<T>? _last;
    private long _askedAt;

    /// <param name="look">Takes a look. Ended by nobody who asks: others wait for it.</param>
    /// <param name="ct">Ends the caller's wait, not the look.</param>
    public Task<T> ReadAsync(Func<Task<T>> look, CancellationToken ct)
    {
        lock (_turn)
        {
            if (_last is null or { IsCompleted: true, IsCompletedSuccessfully: false }
                || (_last.IsCompleted && time.GetElapsedTime(_askedAt) >= fresh))
            {
                _askedAt = time.GetTimestamp();
                _last = look();
            }

            return _last.WaitAsync(ct);
        }
    }
}
