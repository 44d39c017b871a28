using System.Threading.Channels;

namespace ControlPlane.Jobs;

/// <summary>A doorbell: any number of rings before the door is opened are one.</summary>
internal sealed class WakeSignal(TimeProvider time)
{
    private readonly Channel<bool> _rings = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Ring() => _rings.Writer.TryWrite(true);

    /// <summary>Returns at the next ring (or one that came before), or after <paramref name="longest"/>; quietly, too,
    /// when
    /// <paramref name="ct"/> ends the program.</summary>
    public async Task WaitAsync(TimeSpan longest, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(longest, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        try
        {
            await _rings.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException)
        {
            // Time to look, or time to go: the caller's loop tells which.
        }
    }
}
