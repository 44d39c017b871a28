using System.Net;
using System.Net.Sockets;
using ControlPlane.Drills;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SyncAgent.ControlPlaneApi;
using SyncAgent.HAProxy;
using SyncAgent.Local;
using SyncAgent.Tests.HAProxy;

namespace SyncAgent.Tests.Syncing;

/// <summary>The whole agent in the test's own process, beside a real HAProxy.</summary>
internal sealed class RunningAgent : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly WriterLock _lock;

    private RunningAgent(WebApplication app, WriterLock only, CapturedLog log)
    {
        _app = app;
        _lock = only;
        Log = log;
    }

    public CapturedLog Log { get; }

    public static AgentOptions OptionsFor(RealHaproxy proxy, ApiStandIn api)
    {
        return new AgentOptions
        {
            Api = api.Address,
            StateDirectory = Path.Combine(proxy.Home, "state"),
            Certificates = proxy.Directories,
            Haproxy = proxy.Options,
            Https = new IPEndPoint(IPAddress.Loopback, proxy.HttpsPort),
            TokenDirectory = Path.Combine(proxy.Home, "tokens"),
            TokenSocket = Path.Combine(proxy.Home, "agent.sock"),
            Trust = [Path.Combine(proxy.Home, "root.pem")],
            Enrolment = new EnrolmentOptions(ApiStandIn.JoinCode, "node-1", $"127.0.0.1:{proxy.HttpPort}"),
        };
    }

    public static async Task<RunningAgent> Start(
        RealHaproxy proxy, ApiStandIn api, TestAuthority authority, Func<AgentOptions, AgentOptions>? change = null)
    {
        var options = change?.Invoke(OptionsFor(proxy, api)) ?? OptionsFor(proxy, api);
        File.WriteAllText(options.Trust[0], authority.RootPem);
        var only = WriterLock.TryTake(options.Haproxy.SocketPath)!;
        Assert.NotNull(only);
        var state = new StateDirectory(options.StateDirectory);
        var identity = NodeIdentity.TryLoad(state);
        if (identity is null)
        {
            using var http = AgentHost.MakeHttpClient(options.Api);
            identity = await Enrolment.Enrol(
                http, state, options.Enrolment!, TimeProvider.System, CancellationToken.None);
        }

        var log = new CapturedLog();
        var app = AgentHost.Build(
            options, identity, state, TimeProvider.System, Failpoint.None, logging => logging.AddProvider(log));
        AgentHost.PrepareDisk(options, app);
        await app.StartAsync();
        return new RunningAgent(app, only, log);
    }

    /// <summary>A client of the agent's unix socket, as HAProxy is one.</summary>
    public static HttpClient ClientOf(string socketPath)
    {
        return new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancel);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        {
            BaseAddress = new Uri("http://agent"),
        };
    }

    public T Part<T>()
        where T : notnull => _app.Services.GetRequiredService<T>();

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        _lock.Dispose();
    }
}

/// <summary>Everything that was logged, at every level.</summary>
internal sealed class CapturedLog : ILoggerProvider
{
    private readonly System.Text.StringBuilder _text = new();

    public string Text
    {
        get
        {
            lock (_text)
            {
                return _text.ToString();
            }
        }
    }

    public ILogger CreateLogger(string categoryName) => new Sink(this);

    public void Dispose()
    {
        // Nothing is held.
    }

    private sealed class Sink(CapturedLog log) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?,
                string> formatter)
        {
            lock (log._text)
            {
                log._text.Append(logLevel).Append(' ').AppendLine(formatter(state, exception)).AppendLine(
                    exception?.ToString());
            }
        }
    }
}
