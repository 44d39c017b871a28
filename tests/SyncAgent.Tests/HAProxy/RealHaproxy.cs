using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text;
using SyncAgent.HAProxy;

namespace SyncAgent.Tests.HAProxy;

/// <summary>A HAProxy of the test's own, in a directory and on ports of its own, killed by pid at the end.</summary>
internal sealed class RealHaproxy : IAsyncDisposable
{
    private readonly StringBuilder _log = new();
    private Process? _master;

    private RealHaproxy(DirectoryInfo home)
    {
        Home = home.FullName;
        HttpsPort = FreePort.Next();
        HttpPort = FreePort.Next();
        Certificates = Directory.CreateDirectory(Path.Combine(Home, "certs")).FullName;
    }

    public string Home { get; }

    public string Certificates { get; }

    /// <summary>Names of the files in the directory, dot-files too, without the list that is always there.</summary>
    public IEnumerable<string> Files => Directory.GetFiles(Certificates)
        .Where(file => file != Directories.Tls13List).Select(file => Path.GetFileName(file)!);

    public string SocketPath => Path.Combine(Home, "admin.sock");

    public string ConfigurationFile => Path.Combine(Home, "haproxy.cfg");

    public int HttpsPort { get; }

    public int HttpPort { get; }

    public int MasterPid => _master!.Id;

    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    public HaproxyOptions Options => new() { SocketPath = SocketPath };

    public CertificateDirectoryPath Directories => CertificateDirectoryPath.Parse(Certificates);

    public CertificatePath PathOf(string hostname) => Directories.For(ServedName.TryParse(hostname)!);

    /// <summary>A place for a HAProxy, not started yet.</summary>
    public static RealHaproxy Prepare(bool strictSni = true, bool trailingSlash = true)
    {
        // Short, because a unix socket's path must stay below 107 bytes.
        var proxy = new RealHaproxy(Directory.CreateTempSubdirectory("hap-"));
        var certificates = proxy.Certificates + (trailingSlash ? "/" : "") + (strictSni ? " strict-sni" : "");
        File.WriteAllText(proxy.Directories.Tls13List, "");
        File.WriteAllText(proxy.ConfigurationFile, $"""
            global
                stats socket {proxy.SocketPath} mode 600 level admin expose-fd listeners
                maxconn 200
            defaults
                mode http
                timeout connect 5s
                timeout client 30s
                timeout server 30s
            frontend https
                bind 127.0.0.1:{proxy.HttpsPort} ssl crt-list {proxy.Directories.Tls13List} crt {certificates}
                http-request return status 200 content-type text/plain string ok

            """);
        return proxy;
    }

    public static async Task<RealHaproxy> Start()
    {
        var proxy = Prepare();
        await proxy.Run();
        return proxy;
    }

    public async Task Run()
    {
        // As an ordinary user on Debian, sbin is not on the path.
        var start = new ProcessStartInfo("/usr/sbin/haproxy", ["-W", "-f", ConfigurationFile])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        _master = Process.Start(start)!;
        _master.ErrorDataReceived += (_, line) => Append(line.Data);
        _master.OutputDataReceived += (_, line) => Append(line.Data);
        _master.BeginErrorReadLine();
        _master.BeginOutputReadLine();
        await Eventually.True(
            () => Log.Contains("Loading success", StringComparison.Ordinal) && CanAsk(),
            () => $"HAProxy answers on its socket. {Log}");
    }

    /// <summary><c>haproxy -c</c>: the exit status of a start that would be tried now, and what it says.</summary>
    public (int Status, string Said) Check()
    {
        var start = new ProcessStartInfo("/usr/sbin/haproxy", ["-c", "-f", ConfigurationFile])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        using var check = Process.Start(start)!;
        var said = check.StandardError.ReadToEnd() + check.StandardOutput.ReadToEnd();
        check.WaitForExit();
        return (check.ExitCode, said);
    }

    public async Task Reload()
    {
        var before = ReadPid();
        var time = TimeProvider.System;
        var sent = time.GetTimestamp();
        Signals.Send(MasterPid, Signals.Usr2);
        await Eventually.True(
            () =>
            {
                if (time.GetElapsedTime(sent) > TimeSpan.FromSeconds(3))
                {
                    // A master that has only just forked its first worker can miss the signal.
                    sent = time.GetTimestamp();
                    Signals.Send(MasterPid, Signals.Usr2);
                }

                return CanAsk() && ReadPid() != before;
            },
            () => $"a new worker answers. {Log}");
    }

    /// <summary>SIGKILL to master and worker: nothing is written, nothing is said.</summary>
    public async Task KillNow()
    {
        var worker = ReadPid();
        Signals.Send(MasterPid, Signals.Kill);
        Signals.Send(worker, Signals.Kill);
        await _master!.WaitForExitAsync();
        await Eventually.True(() => !Path.Exists($"/proc/{worker}/fd"), () => "the worker is gone");
    }

    public int ReadPid()
    {
        var line = Ask("show info\n").Split('\n').First(l => l.StartsWith("Pid: ", StringComparison.Ordinal));
        return int.Parse(line["Pid: ".Length..], CultureInfo.InvariantCulture);
    }

    /// <summary>Raw text on a new connection, as an operator with socat would send it; everything until HAProxy
    /// closes.</summary>
    public string Ask(string text)
    {
        using var connection = Connect();
        connection.Send(Encoding.ASCII.GetBytes(text));
        return ReadToEnd(connection);
    }

    public Socket Connect()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        {
            ReceiveTimeout = 10_000,
        };
        socket.Connect(new UnixDomainSocketEndPoint(SocketPath));
        return socket;
    }

    public static string ReadToEnd(Socket connection)
    {
        var all = new MemoryStream();
        var buffer = new byte[65536];
        for (var read = connection.Receive(buffer); read > 0; read = connection.Receive(buffer))
        {
            all.Write(buffer, 0, read);
        }

        return Encoding.UTF8.GetString(all.ToArray());
    }

    /// <summary>The SHA-256 of the leaf that a visitor gets for this name, or what the handshake failed with.</summary>
    /// <param name="hostname">The name.</param>
    /// <param name="only">The one version of TLS the visitor speaks; none: any.</param>
    public async Task<string> Visit(string hostname, SslProtocols only = SslProtocols.None)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, HttpsPort);
        await using var tls = new SslStream(tcp.GetStream(), false, (_, _, _, _) => true);
        try
        {
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = hostname,
                    AllowTlsResume = false,
                    EnabledSslProtocols = only,
                });
            return Convert.ToHexStringLower(SHA256.HashData(tls.RemoteCertificate!.GetRawCertData()));
        }
        catch (Exception refused) when (refused is AuthenticationException or IOException)
        {
            return refused.ToString();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_master is { HasExited: false })
        {
            // SIGTERM to the master ends every worker at once, old ones included.
            Signals.Send(MasterPid, Signals.Term);
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            try
            {
                await _master.WaitForExitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                _master.Kill(entireProcessTree: true);
            }
        }

        _master?.Dispose();
        Directory.Delete(Home, recursive: true);
    }

    private void Append(string? line)
    {
        lock (_log)
        {
            _log.AppendLine(line);
        }
    }

    private bool CanAsk()
    {
        try
        {
            return Ask("show info\n").Contains("Pid: ", StringComparison.Ordinal);
        }
        catch (SocketException absent)
        {
            return _master!.HasExited ? throw new InvalidOperationException($"HAProxy stopped: {Log}", absent) : false;
        }
    }
}

internal static partial class Signals
{
    public const int Kill = 9;
    public const int Usr2 = 12;
    public const int Term = 15;

    public static void Send(int pid, int signal) => _ = SendSignal(pid, signal);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int pid, int signal);
}
