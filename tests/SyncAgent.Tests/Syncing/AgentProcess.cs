using System.Diagnostics;
using System.Text;
using SyncAgent.Tests.HAProxy;

namespace SyncAgent.Tests.Syncing;

/// <summary>The agent as a program of its own, so that it can be killed.</summary>
internal sealed class AgentProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _said = new();

    private AgentProcess(Process process)
    {
        _process = process;
        _process.OutputDataReceived += (_, line) => Append(line.Data);
        _process.ErrorDataReceived += (_, line) => Append(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public string Said
    {
        get
        {
            lock (_said)
            {
                return _said.ToString();
            }
        }
    }

    public static AgentProcess Start(params IEnumerable<string> arguments) => Start([], arguments);

    public static AgentProcess Start(Dictionary<string, string> environment, params IEnumerable<string> arguments)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "SyncAgent.dll");
        var start = new ProcessStartInfo("dotnet", [program, .. arguments])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return new AgentProcess(new Process { StartInfo = start });
    }

    public static AgentProcess Run(
        RealHaproxy proxy, ApiStandIn api, TestAuthority authority, Dictionary<string, string>? environment = null)
    {
        var root = Path.Combine(proxy.Home, "root.pem");
        var join = Path.Combine(proxy.Home, "join-code");
        File.WriteAllText(root, authority.RootPem);
        File.WriteAllText(join, ApiStandIn.JoinCode + "\n");
        return Start(
            environment ?? [],
            "run", "--api", api.Address.ToString(), "--state", Path.Combine(proxy.Home, "state"),
            "--certs", proxy.Certificates, "--socket", proxy.SocketPath, "--https", $"127.0.0.1:{proxy.HttpsPort}",
            "--token-dir", Path.Combine(proxy.Home, "tokens"), "--token-socket", Path.Combine(proxy.Home, "agent.sock"),
            "--trust", root, "--join-code-file", join, "--name", "node-1",
            "--http-endpoint", $"127.0.0.1:{proxy.HttpPort}");
    }

    public async Task<int> WaitForExit()
    {
        await Eventually.True(() => _process.HasExited, () => $"the agent ends. {Said}");
        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }

    public void Send(int signal) => Signals.Send(_process.Id, signal);

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private void Append(string? line)
    {
        lock (_said)
        {
            _said.AppendLine(line);
        }
    }
}
