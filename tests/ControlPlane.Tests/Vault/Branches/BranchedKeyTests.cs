using System.Security.Cryptography;
using ControlPlane.Vault;
using ControlPlane.Vault.Branches;

namespace ControlPlane.Tests.Vault.Branches;

public sealed class BranchedKeyTests : IDisposable
{
    private readonly CountingRoot _root = new();
    private readonly FakeClock _clock = new();

    [Fact]
    public async Task A_first_sync_of_thousands_asks_the_root_once_per_branch()
    {
        List<byte[]> wraps = [];
        using (var sealing = new BranchedKey(_root, _clock))
        {
            for (var n = 0; n < 3_000; n++)
            {
                wraps.Add(await sealing.WrapAsync(RandomNumberGenerator.GetBytes(32), default));
            }
        }

        Assert.Equal((1, 1), (_root.Made, _root.Opened));
        using var releasing = new BranchedKey(_root, _clock);
        await Parallel.ForEachAsync(wraps, async (wrap, ct) => await releasing.UnwrapAsync(_root.Id, wrap, ct));
        Assert.Equal((1, 2), (_root.Made, _root.Opened));
    }

    [Fact]
    public async Task Those_who_miss_one_branch_at_the_same_time_make_one_call()
    {
        using var sealing = new BranchedKey(_root, _clock);
        var wrap = await sealing.WrapAsync(new byte[32], default);
        using var releasing = new BranchedKey(_root, _clock);
        var before = _root.Opened;
        var gate = new TaskCompletionSource();
        _root.Gate = gate.Task;

        var all = Enumerable.Range(0, 50).Select(_ => releasing.UnwrapAsync(_root.Id, wrap, default)).ToList();
        gate.SetResult();
        await Task.WhenAll(all);

        Assert.Equal(1, _root.Opened - before);
    }

    [Fact]
    public async Task One_who_stops_waiting_ends_the_call_for_nobody_else()
    {
        using var sealing = new BranchedKey(_root, _clock);
        var wrap = await sealing.WrapAsync(new byte[32], default);
        using var releasing = new BranchedKey(_root, _clock);
        var gate = new TaskCompletionSource();
        _root.Gate = gate.Task;
        using var impatience = new CancellationTokenSource();

        var first = releasing.UnwrapAsync(_root.Id, wrap, impatience.Token);
        var second = releasing.UnwrapAsync(_root.Id, wrap, default);
        await impatience.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        gate.SetResult();
        Assert.Equal(new byte[32], await second);
    }

    [Fact]
    public async Task A_branch_wraps_no_more_after_a_day_or_ten_thousand_keys()
    {
        using var key = new BranchedKey(_root, _clock);
        for (var n = 0; n < BranchedKey.MostWraps; n++)
        {
            await key.WrapAsync(new byte[32], default);
        }

        Assert.Equal(1, _root.Made);
        await key.WrapAsync(new byte[32], default);
        Assert.Equal(2, _root.Made);
        _clock.Advance(BranchedKey.MostAge);
        await key.WrapAsync(new byte[32], default);
        Assert.Equal(3, _root.Made);
    }

    [Fact]
    public async Task An_opened_branch_is_asked_for_again_after_an_hour()
    {
        using var sealing = new BranchedKey(_root, _clock);
        var wrap = await sealing.WrapAsync(new byte[32], default);
        using var releasing = new BranchedKey(_root, _clock);
        await releasing.UnwrapAsync(_root.Id, wrap, default);
        var before = _root.Opened;

        _clock.Advance(OpenedBranches.MostAge);
        await releasing.UnwrapAsync(_root.Id, wrap, default);

        Assert.Equal(1, _root.Opened - before);
    }

    /// <summary>Keys in memory: what is let go of is zeroed, by age, by number and at the end.</summary>
    [Fact]
    public void Branch_keys_are_few_short_lived_and_zeroed()
    {
        var keys = Enumerable.Range(0, OpenedBranches.Most + 1)
            .Select(_ => RandomNumberGenerator.GetBytes(32)).ToList();
        using var opened = new OpenedBranches(_clock);
        opened.Keep("oldest", keys[0]);
        _clock.Advance(TimeSpan.FromMinutes(1));
        foreach (var (n, key) in keys.Skip(1).Index())
        {
            opened.Keep($"{n}", key);
        }

        Assert.True(IsZero(keys[0]));
        Assert.False(IsZero(keys[1]));
        opened.Keep("0", RandomNumberGenerator.GetBytes(32));
        Assert.True(IsZero(keys[1]));
        _clock.Advance(OpenedBranches.MostAge);
        opened.EvictAged();
        Assert.All(keys, key => Assert.True(IsZero(key)));
    }

    [Fact]
    public async Task Nothing_of_a_branch_is_left_in_memory_when_the_key_is_disposed()
    {
        var key = new BranchedKey(_root, _clock);
        var wrap = await key.WrapAsync(new byte[32], default);
        await key.UnwrapAsync(_root.Id, wrap, default);

        key.Dispose();

        Assert.NotEmpty(_root.Given);
        Assert.All(_root.Given, given => Assert.True(IsZero(given)));
    }

    [Fact]
    public async Task A_branch_that_its_root_cannot_open_again_is_never_used()
    {
        using var key = new BranchedKey(_root, _clock);
        _root.ForgetsWhatItSealed = true;

        await Assert.ThrowsAsync<VaultException>(() => key.WrapAsync(new byte[32], default));

        Assert.All(_root.Given, given => Assert.True(IsZero(given)));
        _root.ForgetsWhatItSealed = false;
        Assert.Equal(
            new byte[32], await key.UnwrapAsync(_root.Id, await key.WrapAsync(new byte[32], default), default));
    }

    [Fact]
    public async Task A_wrap_that_was_altered_anywhere_opens_nothing()
    {
        using var key = new BranchedKey(_root, _clock);
        var wrap = await key.WrapAsync(new byte[32], default);
        for (var at = 0; at < wrap.Length; at++)
        {
            var altered = wrap.ToArray();
            altered[at] ^= 1;
            await Assert.ThrowsAnyAsync<Exception>(() => key.UnwrapAsync(_root.Id, altered, default));
            await Assert.ThrowsAnyAsync<Exception>(() => key.UnwrapAsync(_root.Id, wrap[..at], default));
        }

        await Assert.ThrowsAsync<VaultException>(() => key.UnwrapAsync("stand-in:other", wrap, default));
    }

    public void Dispose() => _root.Dispose();

    private static bool IsZero(byte[] key) => key.AsSpan().IndexOfAnyExcept((byte)0) < 0;
}
