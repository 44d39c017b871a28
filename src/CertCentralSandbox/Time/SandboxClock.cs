using System.Text.Json;

namespace CertCentralSandbox.Time;

/// <summary>
/// The CA's inner clock: polling intervals, the life of random values, delays before issuance. It may run faster than
/// the wall (<c>--clock-factor</c>) and be advanced (<c>/sandbox/clock</c>). Everything a client compares with its own
/// clock (certificate dates, <c>date_created</c>, windows of status-changes, rate limits) stays on the wall, because
/// TLS peers judge by theirs. Kept in a file, so that a restart never runs it backwards.
/// </summary>
internal sealed class SandboxClock
{
    private readonly TimeProvider _wall;
    private readonly string _path;
    private readonly Lock _gate = new();
    private DateTimeOffset _wallAnchor;
    private DateTimeOffset _anchor;
    private Action? _jumped;

    public SandboxClock(TimeProvider wall, SandboxOptions options)
    {
        _wall = wall;
        _path = Path.Combine(options.StateDirectory, "clock.json");
        Factor = options.ClockFactor;
        var now = wall.GetUtcNow();
        (_wallAnchor, _anchor) = (now, now);
        if (File.Exists(_path))
        {
            var kept = JsonSerializer.Deserialize<Anchors>(File.ReadAllText(_path))
                ?? throw new InvalidDataException($"{_path} is empty.");
            _anchor = kept.Sandbox + Max(TimeSpan.Zero, now - kept.Wall) * kept.Factor;
        }

        Keep();
    }

    private sealed record Anchors(DateTimeOffset Wall, DateTimeOffset Sandbox, double Factor);

    public double Factor { get; }

    /// <summary>Has <paramref name="observer"/> called after every jump, so that waiters look again.</summary>
    public void OnJump(Action observer) => _jumped += observer;

    public DateTimeOffset Now
    {
        get
        {
            lock (_gate)
            {
                return _anchor + Max(TimeSpan.Zero, _wall.GetUtcNow() - _wallAnchor) * Factor;
            }
        }
    }

    /// <summary>When the wall will show what the inner clock shows at <paramref name="moment"/>.</summary>
    public DateTimeOffset OnTheWall(DateTimeOffset moment) => _wall.GetUtcNow() + (moment - Now) / Factor;

    /// <summary>Moves the inner clock forward, never back.</summary>
    public void Advance(TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        lock (_gate)
        {
            var wall = _wall.GetUtcNow();
            _anchor += Max(TimeSpan.Zero, wall - _wallAnchor) * Factor + by;
            _wallAnchor = wall;
            Keep();
        }

        _jumped?.Invoke();
    }

    private void Keep()
    {
        var fresh = _path + ".new";
        File.WriteAllText(fresh, JsonSerializer.Serialize(new Anchors(_wallAnchor, _anchor, Factor)));
        File.Move(fresh, _path, overwrite: true);
    }

    private static TimeSpan Max(TimeSpan left, TimeSpan right) => left > right ? left : right;
}
