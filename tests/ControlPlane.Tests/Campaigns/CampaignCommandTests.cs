using ControlPlane.Tests.Vault;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Campaigns;

/// <summary>The commands, run as a program.</summary>
public sealed class CampaignCommandTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task A_rehearsal_is_planned_from_a_file_started_watched_and_listed_and_leaves_a_trail()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "0a:1b\n\n0A1C\n");
        var (status, output, told) = await RunAsync(
            "campaign", "plan", "--reason", "Tests.", "--within", "2h", "--serials", file, "--rehearse");
        File.Delete(file);
        Assert.True(status == 0, told);
        Assert.Contains("left out: 2 × unknownSerial.", told, StringComparison.Ordinal);
        var id = output.TrimEnd();

        Assert.StartsWith("completed", (await RunAsync("campaign", "start", id)).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("campaign", "watch", id)).Status);
        Assert.Contains($"{id}\t", (await RunAsync("campaign", "list")).Output, StringComparison.Ordinal);
        Assert.Equal(
            (1, "It is completed: it has come to its end.\n"), Refusal(await RunAsync("campaign", "abort", id)));
        await using var db = database.Open();
        Assert.Equal(
            "campaign plan,campaign start", await db.Database.SqlQuery<string>(
                $"""
                 SELECT string_agg(operation, ',' ORDER BY id) AS "Value" FROM audit_entries
                 WHERE target IN ('Tests.', {$"campaigns/{id}"}) AND outcome = 'done'
                 """).SingleAsync());
    }

    [Fact]
    public async Task What_is_missing_is_told_in_a_line()
    {
        Assert.Contains(
            "at least one criterion", (await RunAsync("campaign", "plan", "--reason", "x")).Error,
            StringComparison.Ordinal);
        Assert.Equal(1, (await RunAsync("campaign", "plan", "--reason", "x", "--serials", "/none")).Status);
        Assert.Equal(1, (await RunAsync("campaign", "watch", $"{Guid.NewGuid()}")).Status);
    }

    private static (int Status, string Error) Refusal((int Status, string Output, string Error) ended) =>
        (ended.Status, ended.Error);

    private Task<(int Status, string Output, string Error)> RunAsync(params string[] words) =>
        ControlPlaneProgram.RunAsync(database, new Dictionary<string, string>(), words);
}
