namespace SyncAgent.Tests;

/// <summary>Waits for a condition with a generous deadline: a slow machine makes a test slow, not red.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(4);

    public static Task True(Func<bool> condition, Func<string> wanted) =>
        True(() => Task.FromResult(condition()), wanted);

    public static async Task True(Func<Task<bool>> condition, Func<string> wanted)
    {
        var time = TimeProvider.System;
        var start = time.GetTimestamp();
        while (!await condition())
        {
            if (time.GetElapsedTime(start) > Deadline)
            {
                Assert.Fail($"Within {Deadline.TotalSeconds} s it did not happen that {wanted()}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), time);
        }
    }
}
