namespace ControlPlane.Tests.Nodes;

/// <summary>Waits on conditions, never for a time.</summary>
internal static class Eventually
{
    /// <summary>Generous: a busy machine is slow, a broken program is stuck.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    public static async Task HoldsAsync(Func<Task<bool>> condition)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (!await condition())
        {
            Assert.False(deadline.IsCancellationRequested, "The condition did not come to hold.");
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
        }
    }
}
