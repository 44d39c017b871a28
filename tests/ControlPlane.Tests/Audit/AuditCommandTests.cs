using System.Diagnostics;
using ControlPlane.Database;

namespace ControlPlane.Tests.Audit;

/// <summary>The commands, run as a program.</summary>
public sealed class AuditCommandTests(PostgresFixture server)
{
    [Fact]
    public async Task A_command_leaves_a_trail_and_the_trail_is_verified_with_exit_status_one_when_it_is_broken()
    {
        await using var bench = await TrailBench.StartAsync(server);
        Assert.Equal(0, (await RunAsync(bench, "keys", "create", "--role", "admin", "--name", "ops")).Status);
        Assert.Equal(
            $"asked,answered by {ControlPlane.Audit.AuditActor.Command().Name} on {Environment.MachineName}",
            await bench.Roles.ReadAsync<string>(
                """
                SELECT string_agg(phase, ',' ORDER BY id) || ' by ' || min(actor) || ' on ' || min(address)
                FROM audit_entries WHERE operation = 'keys create' AND actor_kind = 'command'
                    AND target = 'admin  ops' AND coalesce(outcome, 'done') = 'done'
                """));
        var head = (await bench.Sealing.SealAsync(default))!.Head;

        var whole = await RunAsync(bench, "audit", "verify", "--expect", head.ToString());
        Assert.Equal((0, ""), (whole.Status, whole.Error));
        Assert.Contains($"1 batches with 2 entries are whole, up to {head}.", whole.Output, StringComparison.Ordinal);

        await bench.Roles.TamperAsync("UPDATE audit_entries SET actor = 'nobody' WHERE id = 2");
        var broken = await RunAsync(bench, "audit", "verify");
        Assert.Equal(1, broken.Status);
        Assert.Contains("Batch 1 is broken: entry 2 was changed.", broken.Error, StringComparison.Ordinal);
    }

    /// <summary>Fails when a wrong path is taken for a broken trail, or is told by a stack trace.</summary>
    [Theory]
    [InlineData("audit verify --file /none/trail.ndjson", 2)]
    [InlineData("audit verify --expect nonsense", 2)]
    [InlineData("audit export --out /none/trail.ndjson", 1)]
    public async Task What_cannot_be_read_or_written_is_told_in_a_line(string words, int status)
    {
        await using var bench = await TrailBench.StartAsync(server);
        var told = await RunAsync(bench, words.Split(' '));
        Assert.Equal((status, ""), (told.Status, told.Output));
        Assert.DoesNotContain("   at ", told.Error, StringComparison.Ordinal);
    }

    private static async Task<(int Status, string Output, string Error)> RunAsync(
        TrailBench bench, params string[] words)
    {
        var start = new ProcessStartInfo("dotnet", ["exec", typeof(ControlPlaneDb).Assembly.Location, .. words])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["ConnectionStrings__ControlPlane"] = bench.Roles.Running;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }
}
