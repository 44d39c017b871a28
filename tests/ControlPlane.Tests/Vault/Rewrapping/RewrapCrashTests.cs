using ControlPlane.Tests.Domains;
using ControlPlane.Vault;

namespace ControlPlane.Tests.Vault.Rewrapping;

/// <summary>The real program, killed as a power cut would in the middle of a rewrap.</summary>
public sealed class RewrapCrashTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Theory]
    [InlineData("Rewrap.call.Wrap", 0)]
    [InlineData("Rewrap.commit.Batch", 50)]
    public async Task A_kill_leaves_every_key_openable_and_after_a_restart_the_rewrap_finishes(string point, int moved)
    {
        await using var bench = await PathBench.StartAsync(database);
        var vault = new VaultBench(bench, database);
        var (oldPath, nextPath) = (Path.Combine(bench.Folder, "kek"), Path.Combine(bench.Folder, "next"));
        LocalKeyFile.Create(nextPath);
        var (old, next) = (LocalKeyFile.Load(oldPath), LocalKeyFile.Load(nextPath));
        await vault.SealAsync(120);
        var payloads = await vault.PayloadsAsync();
        var settings = new Dictionary<string, string>
        {
            ["Vault__Keys__0__File"] = nextPath,
            ["Vault__Keys__1__File"] = oldPath,
            ["CRASH_AT"] = point,
        };

        var killed = await ControlPlaneProgram.RunAsync(database, settings, "vault", "rewrap", "--wait");

        Assert.True(killed.Status == ControlPlaneProgram.Killed, $"{killed.Status}: {killed.Output}{killed.Error}");
        Assert.Equal((moved, 120 - moved), (await vault.UnderAsync(next.Id), await vault.UnderAsync(old.Id)));
        await vault.AllOpenAsync(next, old);
        var view = await vault.StatusAsync(next, old);
        Assert.Equal((120, moved), (view.Rewrap!.Total, view.Rewrap.Done));
        Assert.False(view.Keys.Single(key => key.Id == old.Id).SafeToRemove);

        settings["CRASH_AT"] = "";
        var finished = await ControlPlaneProgram.RunAsync(database, settings, "vault", "rewrap", "--wait");

        Assert.True(finished.Status == 0, finished.Error);
        Assert.Contains("120 of 120, 0 failed, finished", finished.Output, StringComparison.Ordinal);
        var told = await ControlPlaneProgram.RunAsync(database, settings, "vault", "status");
        Assert.Matches($"{old.Id} +0 +0 +safe to remove", told.Output);
        Assert.Equal(payloads, await vault.PayloadsAsync());
        await vault.AllOpenAsync(next);
    }

    [Fact]
    public async Task Wrong_settings_are_told_in_one_sentence()
    {
        var (status, output, error) = await ControlPlaneProgram.RunAsync(
            database, new Dictionary<string, string> { ["Vault__Keys__0__AwsKms"] = "alias/vault" }, "vault", "status");

        Assert.Equal((1, ""), (status, output));
        Assert.StartsWith("Vault:Keys:0: 'alias/vault' is not the ARN", error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
    }
}
