using System.Security.Cryptography;
using ControlPlane.Contracts;
using Microsoft.Extensions.Logging.Abstractions;
using SyncAgent.ControlPlaneApi;
using SyncAgent.HAProxy;
using SyncAgent.Local;
using SyncAgent.Syncing;

namespace SyncAgent.Tests.Threats;

/// <summary>Freeze: a node that is held at an old state, by silence or by the same answer again and again.</summary>
public sealed class FreezeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("agent-freeze-").FullName;
    private readonly SetClock _clock = new();
    private readonly Alarms _alarms = new(NullLogger<Alarms>.Instance);
    private readonly HighWater _highest;
    private readonly NodeIdentity _identity;
    private readonly TokenSigner _signer;
    private readonly Freshness _freshness;

    public FreezeTests()
    {
        _highest = HighWater.Open(Path.Combine(_folder, "high-water.json"));
        _identity = new NodeIdentity(
            new NodeCard(Guid.NewGuid(), Guid.NewGuid(), "test", "node-1"), ECDsa.Create(), ECDiffieHellman.Create());
        _signer = new TokenSigner(_identity, _clock);
        _freshness = Make(_highest);
    }

    public void Dispose()
    {
        _identity.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Fails when the arrival of an answer counts as freshness, and not the time that the control plane wrote
    /// into it.</summary>
    [Fact]
    public void The_same_recorded_answer_again_and_again_does_not_keep_the_alarm_silent()
    {
        var recorded = _clock.GetUtcNow();
        for (var minute = 0; minute <= 15; minute++)
        {
            _highest.Raise(1, 9, recorded);
            _freshness.Look();
            Assert.Empty(_alarms.Active);
            _clock.Advance(TimeSpan.FromMinutes(1));
        }

        _highest.Raise(1, 9, recorded);
        _freshness.Look();
        Assert.Equal(NodeAlarmCodes.AnswerStale, Assert.Single(_alarms.Active).Code);

        _highest.Raise(1, 9, _clock.GetUtcNow());
        _freshness.Look();
        Assert.Empty(_alarms.Active);
    }

    /// <summary>Fails when a restart makes an old state young.</summary>
    [Fact]
    public void A_restart_does_not_reset_the_age()
    {
        _highest.Raise(1, 9, _clock.GetUtcNow());
        _clock.Advance(TimeSpan.FromMinutes(16));

        Make(HighWater.Open(Path.Combine(_folder, "high-water.json"))).Look();

        Assert.Equal(NodeAlarmCodes.AnswerStale, Assert.Single(_alarms.Active).Code);
    }

    /// <summary>Fails when one recorded refusal, given to every question, holds the node's clock at the time that it
    /// carries: then no answer ever grows old.</summary>
    [Fact]
    public void A_recorded_refusal_that_sets_the_clock_back_does_not_keep_the_alarm_silent()
    {
        var recorded = _clock.GetUtcNow();
        _highest.Raise(1, 9, recorded);
        for (var minute = 0; minute <= 15; minute++)
        {
            _signer.CorrectBy(recorded);
            _freshness.Look();
            Assert.Empty(_alarms.Active);
            _clock.Advance(TimeSpan.FromMinutes(1));
        }

        _signer.CorrectBy(recorded);
        _freshness.Look();

        Assert.Equal(NodeAlarmCodes.AnswerStale, Assert.Single(_alarms.Active).Code);
    }

    /// <summary>Fails when one answer that is dated far ahead makes every honest one after it look old, and the alarm
    /// stay.</summary>
    [Fact]
    public void An_answer_dated_far_ahead_does_not_outdate_the_honest_ones_after_it()
    {
        _highest.Raise(1, 9, _freshness.Believed(_clock.GetUtcNow().AddYears(1)));
        _freshness.Look();
        for (var minute = 0; minute <= 30; minute++)
        {
            _clock.Advance(TimeSpan.FromMinutes(1));
            _highest.Raise(1, 9, _freshness.Believed(_clock.GetUtcNow()));
            _freshness.Look();
            Assert.Empty(_alarms.Active);
        }
    }

    private Freshness Make(HighWater highest) => new(
        highest, _signer, _alarms,
        new AgentOptions
        {
            Api = new Uri("http://127.0.0.1"),
            StateDirectory = _folder,
            Certificates = CertificateDirectoryPath.Parse(_folder),
            Haproxy = new HaproxyOptions { SocketPath = "" },
            Https = new(0, 0),
            TokenDirectory = _folder,
            TokenSocket = "",
        },
        _clock);

    private sealed class SetClock : TimeProvider
    {
        private DateTimeOffset _now = new(2026, 11, 22, 12, 0, 0, TimeSpan.Zero);

        public void Advance(TimeSpan by) => _now += by;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now.Ticks;

        public override DateTimeOffset GetUtcNow() => _now;
    }
}
