using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Contracts;
using ControlPlane.Drills;
using SyncAgent.Adopting;
using SyncAgent.ControlPlaneApi;
using SyncAgent.HAProxy;
using SyncAgent.Local;
using SyncAgent.Observing;
using SyncAgent.Syncing;
using SyncAgent.Tokens;
using SyncAgent.Verification;

namespace SyncAgent;

/// <summary>Puts one agent together. The tests start the same thing in their own process.</summary>
internal static class AgentHost
{
    /// <summary>Long enough for the write that is under way; a long poll ends at once.</summary>
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(5);

    /// <summary>A withdrawal whose file is gone is kept this long for the breaker's hour and for late
    /// questions.</summary>
    private static readonly TimeSpan KeepDoneWithdrawals = TimeSpan.FromHours(24);

    /// <param name="api">The control plane's base address.</param>
    /// <param name="authority">PEM file with the only roots to trust for it; null: the system's.</param>
    public static HttpClient MakeHttpClient(Uri api, string? authority = null)
    {
        var tls = new SslClientAuthenticationOptions();
        if (authority is not null)
        {
            // A private CA alone, not beside the public ones: who runs one does not want the others believed here.
            tls.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            tls.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(authority);
        }

        return new HttpClient(new SocketsHttpHandler
        {
            SslOptions = tls,
            // Unreachable is known at once on one network, and after this behind a silent firewall.
            ConnectTimeout = TimeSpan.FromSeconds(5),
            // Follows a control plane that moves to another address.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            // A full list is long and mostly alike.
            AutomaticDecompression = DecompressionMethods.All,
            AllowAutoRedirect = false,
            UseProxy = false,
        })
        {
            BaseAddress = api,
            // Each call has its own limit: a long poll's is longer than a report's.
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    public static WebApplication Build(
        AgentOptions options, NodeIdentity identity, StateDirectory state, TimeProvider time, Failpoint failpoint,
        Action<ILoggingBuilder> logging)
    {
        var builder = WebApplication.CreateSlimBuilder();
        logging(builder.Logging.ClearProviders());
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 0;
            kestrel.ListenUnixSocket(options.TokenSocket);
            if (options.Status is { } status)
            {
                kestrel.Listen(status);
            }
        });
        builder.Services.Configure<HostOptions>(host =>
        {
            host.ShutdownTimeout = StopLimit;
            host.ServicesStopConcurrently = true;
        });

        var files = new BundleFiles(options.Certificates);
        var oldest = time.GetUtcNow() - KeepDoneWithdrawals;
        var highest = HighWater.Open(state.HighWaterFile);
        builder.Services
            .AddSingleton(time)
            .AddSingleton(failpoint)
            .AddSingleton(options)
            .AddSingleton(options.Haproxy)
            .AddSingleton(identity)
            .AddSingleton(state)
            .AddSingleton(files)
            .AddSingleton(files.Tls13)
            .AddSingleton(highest)
            .AddSingleton(DesiredBook.Open(state.JournalFile, highest, (hostname, tombstone) =>
                tombstone.WithdrawnAt < oldest
                && !File.Exists(Path.Combine(options.Certificates.Value, hostname + ".pem"))))
            .AddSingleton(new ListenerHandshake(options.Https, LoadRoots(options.Trust), time))
            .AddSingleton(new TokenDirectory(Path.GetFullPath(options.TokenDirectory), time))
            .AddSingleton(_ => MakeHttpClient(options.Api, options.ApiAuthority))
            .AddSingleton<TokenSigner>()
            .AddSingleton<ApiClient>()
            .AddSingleton<HaproxyMemory>()
            .AddSingleton<HaproxyWriter>()
            .AddSingleton<NodeView>()
            .AddSingleton<MemoryAudit>()
            .AddSingleton<OldFiles>()
            .AddSingleton<Quarantine>()
            .AddSingleton<AgentMeter>()
            .AddSingleton<Alarms>()
            .AddSingleton<Freshness>()
            .AddSingleton<StraysToTell>()
            .AddSingleton<VisitorBook>()
            .AddSingleton<BundleSource>()
            .AddSingleton<Applier>()
            .AddSingleton<Readiness>();
        builder.Services.AddLoop<Reporter>().AddLoop<Reconciler>().AddLoop<HaproxyWatch>().AddLoop<DigestRounds>()
            .AddLoop<DesiredFeed>();

        var app = builder.Build();
        app.MapTokens();
        app.MapStanding();
        app.Lifetime.ApplicationStarted.Register(() => TokenSocket.Open(options.TokenSocket));
        return app;
    }

    /// <summary>What must be in order before HAProxy or anybody else meets this node.</summary>
    public static void PrepareDisk(AgentOptions options, WebApplication app)
    {
        TokenSocket.RemoveStale(options.TokenSocket);
        app.Services.GetRequiredService<BundleFiles>().DropAllStages();
        app.Services.GetRequiredService<HaproxyWatch>().LookAtDisk();
        var parts = app.Services;
        string?[] damaged =
        [
            parts.GetRequiredService<HighWater>().SetAside,
            parts.GetRequiredService<DesiredBook>().SetAside,
            parts.GetRequiredService<StateDirectory>().SetAside,
        ];
        if (damaged.OfType<string>().ToArray() is { Length: > 0 } files)
        {
            parts.GetRequiredService<Alarms>().Raise(
                NodeAlarmCodes.StateDamaged,
                $"Damaged, set aside for you to look at, and not trusted: {string.Join(", ", files)}. What was lost is "
                + "asked for again.");
        }
    }

    private static IServiceCollection AddLoop<T>(this IServiceCollection services)
        where T : BackgroundService
    {
        return services.AddSingleton<T>().AddHostedService(provider => provider.GetRequiredService<T>());
    }

    private static X509Certificate2Collection LoadRoots(IReadOnlyList<string> files)
    {
        var roots = new X509Certificate2Collection();
        foreach (var file in files)
        {
            roots.ImportFromPemFile(file);
        }

        return roots;
    }
}
