namespace ControlPlane.Forecasts.Replaying;

/// <summary>Counts in a window that rolls with every call, by the calls' exact times: the CA's view, and the check on
/// <see cref="PaperBudget"/>, with which it shares nothing.</summary>
internal sealed class RollingCount(TimeSpan window)
{
    private readonly Queue<DateTimeOffset> _calls = new();

    /// <summary>In the fullest window so far.</summary>
    public int Most { get; private set; }

    /// <param name="at">Not before any earlier one.</param>
    /// <returns>How many calls there are in the window that ends with this one.</returns>
    public int Add(DateTimeOffset at)
    {
        while (_calls.TryPeek(out var first) && at - first >= window)
        {
            _calls.Dequeue();
        }

        _calls.Enqueue(at);
        Most = Math.Max(Most, _calls.Count);
        return _calls.Count;
    }
}
