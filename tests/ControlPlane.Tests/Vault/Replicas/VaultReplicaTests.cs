using ControlPlane.Tests.Domains;
using ControlPlane.Vault;
using ControlPlane.Vault.Replicas;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.Vault.Replicas;

/// <summary>Threat: KEK rotation, in the wrong order: a replica still holds the old key only.</summary>
public sealed class VaultReplicaTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    /// <summary>Fails if rows are moved where a live replica cannot follow.</summary>
    [Fact]
    public async Task Nothing_is_moved_while_a_live_replica_lacks_the_new_key()
    {
        await using var bench = await PathBench.StartAsync(database);
        var vault = new VaultBench(bench, database);
        var (old, next) = (bench.Kek.Now, RotatingKey.NewFile(bench.Folder));
        await vault.SealAsync(3);
        using var ready = await BeatingAsync(old, next);
        using var behind = await BeatingAsync(old);

        var refusal = await vault.Rewrapper(next, old).StartAsync(default);

        Assert.StartsWith($"1 of 2 live replicas lack the key {next.Id}", refusal, StringComparison.Ordinal);
        Assert.Contains("Restart them with both", refusal, StringComparison.Ordinal);
        Assert.Null((await vault.StatusAsync(next, old)).Rewrap);
        await behind.StopAsync(default);
        await vault.RewrapAsync(next, old);
        Assert.Equal(3, await vault.UnderAsync(next.Id));
        await ready.StopAsync(default);
    }

    [Fact]
    public async Task An_open_rewrap_rests_when_a_replica_comes_up_without_the_new_key()
    {
        await using var bench = await PathBench.StartAsync(database);
        var vault = new VaultBench(bench, database);
        var (old, next) = (bench.Kek.Now, RotatingKey.NewFile(bench.Folder));
        await vault.SealAsync(3);
        var rewrapper = vault.Rewrapper(next, old);
        Assert.Null(await rewrapper.StartAsync(default));
        using var behind = await BeatingAsync(old);

        await Assert.ThrowsAsync<VaultException>(() => rewrapper.RunAsync(VaultBench.Unhurried, default));

        Assert.Equal(3, await vault.UnderAsync(old.Id));
        await behind.StopAsync(default);
        await rewrapper.RunAsync(VaultBench.Unhurried, default);
        Assert.Equal(3, await vault.UnderAsync(next.Id));
    }

    /// <summary>Fails if rows alone decide: the next domain's key would be sealed under a key that was thrown
    /// away.</summary>
    [Fact]
    public async Task A_key_that_a_live_replica_seals_under_is_not_safe_to_remove()
    {
        await using var bench = await PathBench.StartAsync(database);
        var vault = new VaultBench(bench, database);
        var (old, next) = (bench.Kek.Now, RotatingKey.NewFile(bench.Folder));
        await vault.SealAsync(1);
        using var other = await BeatingAsync(old, next);
        await vault.RewrapAsync(next, old);

        var view = await vault.StatusAsync(next, old);
        Assert.Equal(
            [(next.Id, 1, 1, 0, false), (old.Id, 0, 1, 1, false)],
            view.Keys.Select(key => (key.Id, key.Rows, key.HeldBy, key.CurrentOn, key.SafeToRemove)));
        Assert.Equal(1, view.Replicas);
        // Also told by a replica from whose settings the key is gone already.
        Assert.Contains((await vault.StatusAsync(next)).Keys, key => key.Id == old.Id && !key.SafeToRemove);

        await other.StopAsync(default);
        Assert.True((await vault.StatusAsync(next, old)).Keys.Single(key => key.Id == old.Id).SafeToRemove);
    }

    [Fact]
    public async Task A_replica_silent_for_a_minute_counts_no_more_and_the_next_heartbeat_removes_it()
    {
        await using var bench = await PathBench.StartAsync(database);
        var vault = new VaultBench(bench, database);
        var (old, next) = (bench.Kek.Now, RotatingKey.NewFile(bench.Folder));
        using var killed = await BeatingAsync(old);
        Assert.NotNull(await vault.Rewrapper(next, old).StartAsync(default));

        await bench.SqlAsync($"UPDATE vault_replicas SET seen_at = seen_at - interval '60 seconds'");
        Assert.Null(await vault.Rewrapper(next, old).StartAsync(default));
        Assert.Equal(1, await RowsAsync(bench));
        using var alive = await BeatingAsync(next, old);
        Assert.Equal(1, await RowsAsync(bench));
        await alive.StopAsync(default);
        Assert.Equal(0, await RowsAsync(bench));
        await killed.StopAsync(default);
    }

    [Fact]
    public async Task A_replica_that_lacks_a_key_of_rows_says_so_in_readyz()
    {
        await using var bench = await PathBench.StartAsync(database);
        var vault = new VaultBench(bench, database);
        var (old, next) = (bench.Kek.Now, RotatingKey.NewFile(bench.Folder));
        Assert.Equal(HealthStatus.Healthy, await StatusAsync(bench, next));
        await vault.SealAsync(2);

        Assert.Equal(HealthStatus.Healthy, await StatusAsync(bench, next, old));
        Assert.Equal(HealthStatus.Unhealthy, await StatusAsync(bench, next));
        bench.Kek.Now = next;
        await vault.SealAsync(1);
        var check = new HeldKeysCheck(database.DataSource, new KeyRing(next), bench.Clock);
        var result = await check.CheckHealthAsync(new HealthCheckContext());
        Assert.Equal(HealthStatus.Degraded, result.Status);
        Assert.StartsWith(
            "Rows lie under 2 key-encryption keys, of which this replica lacks 1", result.Description,
            StringComparison.Ordinal);
        Assert.DoesNotContain(old.Id, result.Description, StringComparison.Ordinal);

        // Looked at once a minute.
        await vault.RewrapAsync(next, old);
        Assert.Equal(HealthStatus.Degraded, (await check.CheckHealthAsync(new HealthCheckContext())).Status);
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(HealthStatus.Healthy, (await check.CheckHealthAsync(new HealthCheckContext())).Status);
    }

    [Fact]
    public async Task The_command_line_refuses_too_and_tells_which_key_is_in_use()
    {
        await using var bench = await PathBench.StartAsync(database);
        var vault = new VaultBench(bench, database);
        var nextPath = Path.Combine(bench.Folder, "next");
        LocalKeyFile.Create(nextPath);
        var old = bench.Kek.Now;
        await vault.SealAsync(1);
        using var behind = await BeatingAsync(old);
        var settings = new Dictionary<string, string>
        {
            ["Vault__Keys__0__File"] = nextPath,
            ["Vault__Keys__1__File"] = Path.Combine(bench.Folder, "kek"),
        };

        var refused = await ControlPlaneProgram.RunAsync(database, settings, "vault", "rewrap", "--wait");
        var told = await ControlPlaneProgram.RunAsync(database, settings, "vault", "status");

        Assert.Equal(1, refused.Status);
        Assert.Contains("1 of 1 live replicas lack the key", refused.Error, StringComparison.Ordinal);
        Assert.Equal(1, await vault.UnderAsync(old.Id));
        Assert.Matches($"{old.Id} +1 +0 +IN USE: 1 live replicas", told.Output);
        Assert.Contains("live replicas that hold keys: 1; 1 LACK file:", told.Output, StringComparison.Ordinal);
        await behind.StopAsync(default);
    }

    /// <summary>A replica that runs with these keys, as far as others can see.</summary>
    private async Task<VaultHeartbeat> BeatingAsync(params IReadOnlyList<IKeyEncryptionKey> keys)
    {
        var heartbeat = new VaultHeartbeat(
            database.DataSource, new KeyRing(keys), TimeProvider.System, NullLogger<VaultHeartbeat>.Instance);
        await heartbeat.StartAsync(default);
        return heartbeat;
    }

    private async Task<HealthStatus> StatusAsync(PathBench bench, params IReadOnlyList<IKeyEncryptionKey> keys) =>
        (await new HeldKeysCheck(database.DataSource, new KeyRing(keys), bench.Clock)
            .CheckHealthAsync(new HealthCheckContext())).Status;

    private static Task<int> RowsAsync(PathBench bench) =>
        bench.ValueAsync<int>($"""SELECT count(*)::int AS "Value" FROM vault_replicas""");
}
