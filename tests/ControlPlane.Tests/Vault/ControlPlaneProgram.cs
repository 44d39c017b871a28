using System.Diagnostics;
using ControlPlane.Database;

namespace ControlPlane.Tests.Vault;

/// <summary>The program's commands, run as a program with settings of its own.</summary>
internal static class ControlPlaneProgram
{
    /// <summary>128 + SIGKILL.</summary>
    public const int Killed = 137;

    public static async Task<(int Status, string Output, string Error)> RunAsync(
        PostgresDatabase database, IReadOnlyDictionary<string, string> environment, params string[] words)
    {
        var start = new ProcessStartInfo("dotnet", ["exec", typeof(ControlPlaneDb).Assembly.Location, .. words])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["ConnectionStrings__ControlPlane"] = database.ConnectionString;
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }
}
