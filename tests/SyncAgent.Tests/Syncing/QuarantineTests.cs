using ControlPlane.Contracts;
using Microsoft.Extensions.Logging.Abstractions;
using SyncAgent.Syncing;

namespace SyncAgent.Tests.Syncing;

public sealed class QuarantineTests
{
    private readonly SetClock _clock = new();
    private readonly Alarms _alarms = new(NullLogger<Alarms>.Instance);

    /// <summary>Fails when a HAProxy that answers in words nobody foresaw makes the agent empty its
    /// directory.</summary>
    [Fact]
    public void Files_are_set_aside_on_HAProxys_word_up_to_a_bound_and_then_somebody_is_called()
    {
        var quarantine = new Quarantine(_alarms, _clock, NullLogger<Quarantine>.Instance);

        Assert.Equal(20, Aside(quarantine, "a", 300));
        Assert.Equal(NodeAlarmCodes.FilesRefused, Assert.Single(_alarms.Active).Code);

        _clock.Advance(TimeSpan.FromDays(1));
        quarantine.Succeeded("a0.example.com");
        Assert.Empty(_alarms.Active);
        Assert.Equal(3, Aside(quarantine, "b", 3));
        Assert.Empty(_alarms.Active);
    }

    [Fact]
    public void HAProxys_word_is_believed_at_the_third_time()
    {
        var quarantine = new Quarantine(_alarms, _clock, NullLogger<Quarantine>.Instance);
        for (var time = 1; time <= 3; time++)
        {
            quarantine.Failed("a.example.com", 1, cause: null);
            Assert.Equal(time == 3, quarantine.MaySetFileAside("a.example.com", 10));
        }
    }

    private static int Aside(Quarantine quarantine, string prefix, int count)
    {
        var aside = 0;
        foreach (var name in Enumerable.Range(0, count).Select(n => $"{prefix}{n}.example.com"))
        {
            for (var time = 0; time < 3; time++)
            {
                quarantine.Failed(name, 1, cause: null);
            }

            aside += quarantine.MaySetFileAside(name, 300) ? 1 : 0;
        }

        return aside;
    }

    private sealed class SetClock : TimeProvider
    {
        private long _ticks;

        public void Advance(TimeSpan by) => _ticks += by.Ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;
    }
}
