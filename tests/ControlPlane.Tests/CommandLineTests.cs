using System.Diagnostics;
using ControlPlane.Database;
using ControlPlane.Http.Access;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests;

/// <summary>The program's commands, run as a program.</summary>
public sealed class CommandLineTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task A_portal_key_is_printed_alone_and_its_tenant_is_made()
    {
        var (status, output, _) = await RunAsync(
            "keys", "create", "--role", "portal", "--name", "shop", "--tenant", "acme");
        Assert.Equal(0, status);
        Assert.Matches("^cp_portal_[A-Za-z0-9_-]{43}\n$", output);
        await using var db = database.Open();
        var key = await db.ApiKeys.SingleAsync(row => row.Name == "shop");
        Assert.Equal(ApiKeySecret.Parse(output.TrimEnd())!.Hash, key.SecretHash);
        Assert.Equal("acme", (await db.Tenants.SingleAsync(row => row.Id == key.TenantId)).Name);
    }

    [Fact]
    public async Task A_key_without_its_tenant_or_with_one_too_many_is_refused()
    {
        string[] wrong = ["--role portal", "--role admin --tenant acme", "--role portal --tenant A_B", "--role king"];
        foreach (var words in wrong)
        {
            var (status, output, error) = await RunAsync(["keys", "create", "--name", "x", .. words.Split(' ')]);
            Assert.NotEqual(0, status);
            Assert.DoesNotContain("cp_", output, StringComparison.Ordinal);
            Assert.NotEmpty(error);
        }
    }

    [Theory]
    [InlineData("keys create --role support --name x --expire-in-days 5", "--expire-in-days")]
    [InlineData("keys create --role support --name x --expires-in-day=5", "--expires-in-day=5")]
    [InlineData("keys list all", "all")]
    [InlineData("kyes list", "kyes")]
    public async Task A_mistyped_word_is_refused_and_not_ignored(string words, string wrong)
    {
        var (status, output, error) = await RunAsync(words.Split(' '));
        Assert.Equal((1, ""), (status, output));
        Assert.Contains($"'{wrong}'", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_may_be_given_on_the_same_line() =>
        Assert.Equal(0, (await RunAsync("keys", "list", "--A:B=c", "--A:C", "d", "A:D=e")).Status);

    [Fact]
    public async Task The_first_admin_key_is_made_on_the_command_line_and_the_last_is_not_revoked_by_mistake()
    {
        var (status, first, _) = await RunAsync("keys", "create", "--role", "admin", "--name", "ops");
        Assert.Equal(0, status);
        Assert.Matches("^cp_admin_[A-Za-z0-9_-]{43}\n$", first);
        await using var db = database.Open();
        var key = await db.ApiKeys.AsNoTracking().SingleAsync(row => row.Role == ApiRole.Admin);

        var (refused, _, why) = await RunAsync("keys", "revoke", $"{key.Id}");
        Assert.Equal(1, refused);
        Assert.Contains("last valid admin key", why, StringComparison.Ordinal);

        var (rotated, second, _) = await RunAsync("keys", "rotate", $"{key.Id}", "--grace-hours", "1");
        Assert.Equal(0, rotated);
        Assert.Matches("^cp_admin_[A-Za-z0-9_-]{43}\n$", second);
        var (again, _, underWay) = await RunAsync("keys", "rotate", $"{key.Id}");
        Assert.Equal(1, again);
        Assert.Contains("valid", underWay, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("keys", "revoke", $"{key.Id}")).Status);

        var (_, list, _) = await RunAsync("keys", "list");
        Assert.Contains($"{key.Id}\tadmin\t-\tops\trevoked ", list, StringComparison.Ordinal);
        Assert.DoesNotContain("cp_", list, StringComparison.Ordinal);
        var successor = await db.ApiKeys.AsNoTracking().SingleAsync(row => row.PredecessorId == key.Id);
        Assert.Equal(0, (await RunAsync("keys", "revoke", $"{successor.Id}", "--force")).Status);
        Assert.False(await db.ApiKeys.AnyAsync(row => row.Role == ApiRole.Admin && row.RevokedAt == null));
    }

    [Fact]
    public async Task Migrating_a_migrated_database_is_no_error() =>
        Assert.Equal(0, (await RunAsync("migrate")).Status);

    private async Task<(int Status, string Output, string Error)> RunAsync(params string[] words)
    {
        var start = new ProcessStartInfo("dotnet", ["exec", typeof(ControlPlaneDb).Assembly.Location, .. words])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["ConnectionStrings__ControlPlane"] = database.ConnectionString;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }
}
