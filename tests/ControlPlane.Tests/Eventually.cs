namespace ControlPlane.Tests;

/// <summary>Waits for a condition. The deadline is for a machine that is busy or a program that is broken, not part of
/// any statement.</summary>
internal static class Eventually
{
    public static readonly TimeSpan Deadline = TimeSpan.FromMinutes(4);

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(20);

    public static async Task TrueAsync(Func<Task<bool>> condition, string what = "what the test waits for")
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (!await condition())
        {
            Assert.False(deadline.IsCancellationRequested, $"It did not come about: {what}.");
            await Task.Delay(BetweenLooks, TimeProvider.System);
        }
    }
}
