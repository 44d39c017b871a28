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
