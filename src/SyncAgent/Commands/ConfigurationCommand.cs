using System.CommandLine;
using System.Diagnostics;
using System.Text;
using SyncAgent.HAProxy;
using SyncAgent.Local;

namespace SyncAgent.Commands;

/// <summary><c>sync-agent haproxy-config</c>: writes a node's configuration and lets HAProxy check it.</summary>
internal static class ConfigurationCommand
{
    /// <summary>HAProxy reads every certificate for its check: 30,000 take it 51 s.</summary>
    private static readonly TimeSpan CheckLimit = TimeSpan.FromMinutes(3);

    public static Command Make()
    {
        var output = new Option<string>("--out") { Required = true, Description = "The file to write" };
        var haproxy = new Option<string>("--haproxy")
        {
            DefaultValueFactory = _ => "/usr/sbin/haproxy",
            Description = "The program that checks the file; empty for no check",
        };
        var options = new ConfigurationArguments();
        var command = new Command(
            "haproxy-config", "Writes HAProxy's configuration for this node.") { output, haproxy };
        options.AddTo(command);
        command.SetAction((parsed, cancel) => Write(
            Path.GetFullPath(parsed.GetRequiredValue(output)), parsed.GetValue(haproxy)!, options.Read(parsed),
            cancel));
        return command;
    }

    private static async Task<int> Write(
        string output, string haproxy, ConfigurationOptions options, CancellationToken cancel)
    {
        Directory.CreateDirectory(options.CertificateDirectory);
        _ = new Tls13List(CertificateDirectoryPath.Parse(options.CertificateDirectory));
        // Checked before it takes the place of one that works.
        var candidate = output + ".new";
        await File.WriteAllTextAsync(candidate, ConfigurationWriter.Write(options), cancel);
        if (haproxy.Length > 0 && await Check(haproxy, candidate, cancel) is { } complaint)
        {
            await Console.Error.WriteLineAsync(
                $"HAProxy refuses {candidate}; {output} is left as it was.\n{complaint}");
            return 1;
        }

        File.Move(candidate, output, overwrite: true);
        FileSystem.SyncDirectory(Path.GetDirectoryName(output)!);
        return 0;
    }

    private static async Task<string?> Check(string haproxy, string file, CancellationToken cancel)
    {
        var said = new StringBuilder();
        using var check = new Process
        {
            StartInfo = new ProcessStartInfo(haproxy, ["-c", "-f", file])
            {
                UseShellExecute = false,
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            },
        };
        check.OutputDataReceived += (_, line) => Append(said, line.Data);
        check.ErrorDataReceived += (_, line) => Append(said, line.Data);
        check.Start();
        check.BeginOutputReadLine();
        check.BeginErrorReadLine();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(CheckLimit);
        await check.WaitForExitAsync(limit.Token);
        return check.ExitCode == 0 ? null : said.ToString();
    }

    private static void Append(StringBuilder said, string? line)
    {
        lock (said)
        {
            said.AppendLine(line);
        }
    }
}
