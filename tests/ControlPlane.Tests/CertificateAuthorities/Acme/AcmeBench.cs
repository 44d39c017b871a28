using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using ControlPlane.CertificateAuthorities.Acme;
using ControlPlane.Tests.CertificateAuthorities.CertCentral;
using ControlPlane.Tests.Domains;
using ControlPlane.Vault;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.CertificateAuthorities.Acme;

/// <summary>The ACME client as it runs in the product, on a path bench's database and vault, with an open budget that
/// remembers what it was asked. Two of them are two replicas.</summary>
internal sealed class AcmeBench : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly MeterListener _listener = new();

    public AcmeBench(PathBench path, AcmeOptions options)
    {
        Options = options;
        var meters = _services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "controlplane_ca_calls" && instrument.Meter.Scope == meters)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, _, tags, _) =>
            Results.Enqueue($"{tags.ToArray().Single(tag => tag.Key == "result").Value}"));
        _listener.Start();
        var wire = new AcmeWire(
            new AcmeHttp(
                options, new AcmeBudgets(Calls, Orders), meters, TimeProvider.System, NullLogger<AcmeHttp>.Instance),
            options, TimeProvider.System);
        Accounts = new AcmeAccounts(
            wire, options, path, path.Vault, TimeProvider.System, NullLogger<AcmeAccounts>.Instance);
        Client = new AcmeClient(wire, Accounts, options, TimeProvider.System);
        Authority = new AcmeAuthority(Client, options, TimeProvider.System);
    }

    public AcmeOptions Options { get; }

    /// <summary>What became of each call, as the metric counts it.</summary>
    public ConcurrentQueue<string> Results { get; } = new();

    public RecordingBudget Calls { get; } = new();

    public RecordingBudget Orders { get; } = new();

    public AcmeAccounts Accounts { get; }

    public AcmeClient Client { get; }

    public AcmeAuthority Authority { get; }

    public static AcmeOptions For(Uri directory) => new()
    {
        Name = "test",
        Directory = directory,
        AgreeToTermsOfService = true,
        RetryWaits = [TimeSpan.Zero, TimeSpan.Zero],
    };

    public static AcmeOptions For(Pebble pebble) => For(pebble.Url) with
    {
        Contacts = ["mailto:tls@example.com"],
        ServerTrustAnchors = pebble.ServerAnchors,
        EabKeyId = Pebble.EabKeyId,
        EabKey = new Secret(Pebble.EabKey),
    };

    public void Dispose()
    {
        Accounts.Dispose();
        _listener.Dispose();
        _services.Dispose();
    }
}
