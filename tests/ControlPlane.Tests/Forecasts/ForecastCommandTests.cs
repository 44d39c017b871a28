using System.Diagnostics;
using System.Text.Json;
using ControlPlane.Database;
using ControlPlane.Tests.Vault;

namespace ControlPlane.Tests.Forecasts;

/// <summary>The command, run as a program without any setting but, for the real fleet, its database.</summary>
public sealed class ForecastCommandTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>, IDisposable
{
    private readonly string _out = Directory.CreateTempSubdirectory("cp-forecast-").FullName;

    public void Dispose() => Directory.Delete(_out, recursive: true);

    [Fact]
    public async Task A_replay_needs_nothing_and_leaves_a_table_a_picture_and_a_file()
    {
        var (status, output, error) = await RunAsync("--lifetime", "47", "--domains", "50");
        Assert.Equal((0, ""), (status, error));
        Assert.Matches(@"Late renewals +0\n", output);
        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(_out, "forecast.json")));
        Assert.Equal(
            [
                "domains", "lifetimeDays", "simulatedDays", "orders", "peakCallsPerMinute", "lateRenewals",
                "smallestMarginDays",
            ],
            json.RootElement.EnumerateObject().Select(property => property.Name));
        Assert.All(
            json.RootElement.EnumerateObject(), one => Assert.Equal(JsonValueKind.Number, one.Value.ValueKind));
        Assert.StartsWith(
            "<svg ", await File.ReadAllTextAsync(Path.Combine(_out, "forecast.svg")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_real_fleet_is_read_from_the_database_alone()
    {
        var (status, output, error) = await ControlPlaneProgram.RunAsync(
            database, new Dictionary<string, string>(), "forecast");
        Assert.True(status == 0, error);
        Assert.EndsWith("It fits.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_late_renewal_is_a_failure() =>
        Assert.Equal(1, (await RunAsync("--lifetime", "3", "--domains", "5", "--outage-hours", "96")).Status);

    [Theory]
    [InlineData("--domains 0", "--domains is 0: it must be 1 to 1,000,000.")]
    [InlineData("--domains 5 --lifetime 2", "--lifetime is 2: it must be 3 to 398.")]
    [InlineData("--lifetime 47", "--lifetime is for a replay: give --domains too.")]
    [InlineData("--domains many", "many")]
    [InlineData("--domain 5", "'--domain'")]
    public async Task A_mistake_is_told(string words, string told)
    {
        var (status, output, error) = await RunAsync(words.Split(' '));
        Assert.Equal(1, status);
        Assert.DoesNotContain("Orders", output, StringComparison.Ordinal);
        Assert.Contains(told, error, StringComparison.Ordinal);
    }

    private async Task<(int Status, string Output, string Error)> RunAsync(params string[] words)
    {
        string[] directory = words.Contains("--domains") ? ["--out", _out] : [];
        var start = new ProcessStartInfo(
            "dotnet", ["exec", typeof(ControlPlaneDb).Assembly.Location, "forecast", .. words, .. directory])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }
}
