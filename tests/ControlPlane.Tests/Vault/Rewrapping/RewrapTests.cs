using ControlPlane.Tests.Domains;
using ControlPlane.Vault;

namespace ControlPlane.Tests.Vault.Rewrapping;

/// <summary>Threat: KEK rotation.</summary>
public sealed class RewrapTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task Every_row_moves_to_the_current_key_deleted_ones_too_and_no_payload_is_touched()
    {
        await using var bench = await PathBench.StartAsync(database);
        var vault = new VaultBench(bench, database);
        var (old, next) = (bench.Kek.Now, RotatingKey.NewFile(bench.Folder));
        await vault.SealAsync(120);
        await bench.Vault.DeleteAsync(await SealOneMoreAsync(bench), default);
        var payloads = await vault.PayloadsAsync();

        var before = await vault.StatusAsync(next, old);
        Assert.Equal(
            [(next.Id, 0, false), (old.Id, 121, false)],
            before.Keys.Select(key => (key.Id, key.Rows, key.SafeToRemove)));
        Assert.Equal(1, before.Keys[1].Deleted);
        await vault.RewrapAsync(next, old);

        var after = await vault.StatusAsync(next, old);
        Assert.Equal(
            [(next.Id, 121, false), (old.Id, 0, true)],
            after.Keys.Select(key => (key.Id, key.Rows, key.SafeToRemove)));
        Assert.Equal((121, 121, 0), (after.Rewrap!.Total, after.Rewrap.Done, after.Rewrap.Failed));
        Assert.NotNull(after.Rewrap.FinishedAt);
        Assert.Equal(payloads, await vault.PayloadsAsync());
        await vault.AllOpenAsync(next);
        await Assert.ThrowsAsync<VaultException>(() => vault.AllOpenAsync(old));
    }

    /// <summary>Fails if a soft-deleted row is not counted: the key that opens it would be thrown away.</summary>
    [Fact]
    public async Task A_key_that_only_a_deleted_row_needs_is_not_safe_to_remove()
    {
        await using var bench = await PathBench.StartAsync(database);
        var vault = new VaultBench(bench, database);
        var (old, next) = (bench.Kek.Now, RotatingKey.NewFile(bench.Folder));
        await bench.Vault.DeleteAsync(await SealOneMoreAsync(bench), default);

        Assert.False((await vault.StatusAsync(next, old)).Keys.Single(key => key.Id == old.Id).SafeToRemove);
    }

    [Fact]
    public async Task A_rewrap_ended_anywhere_goes_on_where_it_was()
    {
        await using var bench = await PathBench.StartAsync(database);
        var vault = new VaultBench(bench, database);
        var (old, next) = (bench.Kek.Now, RotatingKey.NewFile(bench.Folder));
        await vault.SealAsync(120);
        using var stop = new CancellationTokenSource();
        var first = vault.Rewrapper(new Stopping(next, stop, after: 70), old);
        await first.StartAsync(default);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first.RunAsync(VaultBench.Unhurried, stop.Token));
        var half = await vault.StatusAsync(next, old);
        Assert.InRange(half.Rewrap!.Done, 1, 119);
        Assert.Equal((120, half.Keys[0].Rows), (half.Rewrap.Total, half.Rewrap.Done));
        await vault.AllOpenAsync(next, old);

        await vault.Rewrapper(next, old).RunAsync(VaultBench.Unhurried, default);
        Assert.Equal(120, (await vault.StatusAsync(next, old)).Rewrap!.Done);
        await vault.AllOpenAsync(next);
    }

    [Fact]
    public async Task Two_replicas_at_once_move_every_row_once()
    {
        await using var bench = await PathBench.StartAsync(database);
        var vault = new VaultBench(bench, database);
        var (old, next) = (bench.Kek.Now, RotatingKey.NewFile(bench.Folder));
        await vault.SealAsync(130);
        var (one, two) = (vault.Rewrapper(next, old), vault.Rewrapper(next, old));

        await Task.WhenAll(one.StartAsync(default), two.StartAsync(default));
        await Task.WhenAll(
            one.RunAsync(VaultBench.Unhurried, default), two.RunAsync(VaultBench.Unhurried, default));

        var view = await vault.StatusAsync(next, old);
        Assert.Equal((130, 130), (view.Rewrap!.Done, view.Keys[0].Rows));
        Assert.NotNull(view.Rewrap.FinishedAt);
        Assert.Equal(1, await bench.ValueAsync<int>($"""SELECT count(*)::int AS "Value" FROM vault_rewraps"""));
        await vault.AllOpenAsync(next);
    }

    /// <summary>In the middle of a deployment one replica still has the keys the other way round.</summary>
    [Fact]
    public async Task A_replica_whose_current_key_is_another_moves_nothing_back()
    {
        await using var bench = await PathBench.StartAsync(database);
        var vault = new VaultBench(bench, database);
        var (old, next) = (bench.Kek.Now, RotatingKey.NewFile(bench.Folder));
        await vault.SealAsync(3);
        await vault.Rewrapper(next, old).StartAsync(default);

        await vault.Rewrapper(old, next).RunAsync(VaultBench.Unhurried, default);
        Assert.Equal(3, await vault.UnderAsync(old.Id));
        await vault.Rewrapper(next, old).RunAsync(VaultBench.Unhurried, default);
        await vault.Rewrapper(old, next).RunAsync(VaultBench.Unhurried, default);
        Assert.Equal(3, await vault.UnderAsync(next.Id));
    }

    [Fact]
    public async Task A_row_that_cannot_be_moved_is_told_blocks_no_other_and_is_tried_again()
    {
        await using var bench = await PathBench.StartAsync(database);
        var vault = new VaultBench(bench, database);
        var (lost, next) = (RotatingKey.NewFile(bench.Folder), RotatingKey.NewFile(bench.Folder));
        var old = bench.Kek.Now;
        await vault.SealAsync(60);
        bench.Kek.Now = lost;
        await vault.SealAsync(1);
        var broken = vault.Ids.First();
        await bench.SqlAsync(
            $"""
             UPDATE vault_keys SET wrapped_key = set_byte(wrapped_key, 20, 255 - get_byte(wrapped_key, 20))
             WHERE id = {broken}
             """);

        await vault.RewrapAsync(next, old);

        var view = await vault.StatusAsync(next, old);
        Assert.Equal((61, 59, 2), (view.Rewrap!.Total, view.Rewrap.Done, view.Rewrap.Failed));
        Assert.Null(view.Rewrap.FinishedAt);
        var failures = view.Rewrap.Failures.ToDictionary(failure => failure.Key);
        Assert.Equal(old.Id, failures[broken].KekId);
        Assert.Contains("altered", failures[broken].Reason, StringComparison.Ordinal);
        var missing = failures[vault.Ids.Last()];
        Assert.Equal((lost.Id, 1), (missing.KekId, missing.Attempts));
        Assert.Contains("does not hold", missing.Reason, StringComparison.Ordinal);
        Assert.Equal([(lost.Id, 1)], view.Keys.Where(key => !key.Held).Select(key => (key.Id, key.Rows)));

        // Not before its time, and then with the key that was put back.
        await vault.Rewrapper(next, old, lost).RunAsync(VaultBench.Unhurried, default);
        Assert.Equal(1, await vault.UnderAsync(lost.Id));
        bench.Clock.Advance(TimeSpan.FromMinutes(2));
        await vault.Rewrapper(next, old, lost).RunAsync(VaultBench.Unhurried, default);
        Assert.Equal(0, await vault.UnderAsync(lost.Id));
        var left = Assert.Single((await vault.StatusAsync(next, old, lost)).Rewrap!.Failures);
        Assert.Equal((broken, 2), (left.Key, left.Attempts));

        // Collected, it holds nothing up.
        await bench.SqlAsync($"DELETE FROM vault_keys WHERE id = {broken}");
        await vault.Rewrapper(next, old, lost).RunAsync(VaultBench.Unhurried, default);
        Assert.NotNull((await vault.StatusAsync(next, old, lost)).Rewrap!.FinishedAt);
    }

    [Fact]
    public async Task An_old_key_that_is_away_is_asked_once_a_turn_and_holds_up_no_other()
    {
        await using var bench = await PathBench.StartAsync(database);
        var vault = new VaultBench(bench, database);
        var (old, next) = (bench.Kek.Now, RotatingKey.NewFile(bench.Folder));
        var away = new AwayKey();
        await vault.SealAsync(5);
        bench.Kek.Now = away;
        await vault.SealAsync(5);

        await vault.RewrapAsync(next, away, old);

        Assert.Equal(1, away.Asked);
        Assert.Equal((5, 5), (await vault.UnderAsync(next.Id), await vault.UnderAsync(away.Id)));
        away.IsBack = true;
        await vault.RewrapAsync(next, away, old);
        await vault.AllOpenAsync(next);
    }

    [Fact]
    public async Task A_current_key_that_does_not_give_back_what_it_wrapped_replaces_nothing()
    {
        await using var bench = await PathBench.StartAsync(database);
        var vault = new VaultBench(bench, database);
        var old = bench.Kek.Now;
        await vault.SealAsync(3);

        await Assert.ThrowsAsync<VaultException>(() => vault.RewrapAsync(new Forgetful(), old));

        await vault.AllOpenAsync(old);
    }

    private static async Task<Guid> SealOneMoreAsync(PathBench bench)
    {
        using var made = ControlPlane.Domains.Bundles.OrderKey.Make(
            "gone.example.com", ControlPlane.Domains.KeyAlgorithm.EcdsaP256);
        return await bench.Vault.SealAsync(made.Key, Guid.NewGuid(), Guid.NewGuid(), default);
    }

    /// <summary>Ends the run after so many wraps.</summary>
    private sealed class Stopping(IKeyEncryptionKey inner, CancellationTokenSource stop, int after) : IKeyEncryptionKey
    {
        private int _wraps;

        public string Id => inner.Id;

        public Task<byte[]> WrapAsync(byte[] dataKey, CancellationToken ct)
        {
            if (++_wraps == after)
            {
                stop.Cancel();
            }

            ct.ThrowIfCancellationRequested();
            return inner.WrapAsync(dataKey, ct);
        }

        public Task<byte[]> UnwrapAsync(string keyId, byte[] wrapped, CancellationToken ct) =>
            inner.UnwrapAsync(keyId, wrapped, ct);
    }

    /// <summary>Wraps nothing at all, so that the test sees through it, and may give no answer.</summary>
    private sealed class AwayKey : IKeyEncryptionKey
    {
        public string Id => "stand-in:away";

        public int Asked { get; private set; }

        public bool IsBack { get; set; }

        public Task<byte[]> WrapAsync(byte[] dataKey, CancellationToken ct) => Task.FromResult(dataKey.ToArray());

        public Task<byte[]> UnwrapAsync(string keyId, byte[] wrapped, CancellationToken ct)
        {
            Asked++;
            return IsBack
                ? Task.FromResult(wrapped.ToArray())
                : throw new VaultException("The stand-in is away.") { IsAway = true };
        }
    }

    private sealed class Forgetful : IKeyEncryptionKey
    {
        public string Id => "stand-in:forgetful";

        public Task<byte[]> WrapAsync(byte[] dataKey, CancellationToken ct) => Task.FromResult(new byte[60]);

        public Task<byte[]> UnwrapAsync(string keyId, byte[] wrapped, CancellationToken ct) =>
            Task.FromResult(new byte[32]);
    }
}
