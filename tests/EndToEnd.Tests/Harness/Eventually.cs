namespace EndToEnd.Tests.Harness;

/// <summary>Waits for a condition. The deadline is generous: it only ends what will never come.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(6);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    public static async Task TrueAsync(Func<Task<bool>> condition, Func<string> otherwise)
    {
        var time = TimeProvider.System;
        var started = time.GetTimestamp();
        while (!await condition())
        {
            Assert.True(time.GetElapsedTime(started) < Deadline, otherwise());
            await Task.Delay(Pause, time);
        }
    }
}
