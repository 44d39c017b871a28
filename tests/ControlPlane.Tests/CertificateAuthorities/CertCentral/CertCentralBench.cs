using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using ControlPlane.CertificateAuthorities;
using ControlPlane.CertificateAuthorities.CertCentral;
using ControlPlane.Vault;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ControlPlane.Tests.CertificateAuthorities.CertCentral;

/// <summary>
/// The client as it runs in the product, against a scripted CA, with an open budget that remembers what it was asked.
/// </summary>
internal sealed class CertCentralBench : IAsyncDisposable
{
    public const string Key = "very-secret-devkey";

    private readonly ServiceProvider _services;
    private readonly MeterListener _listener = new();
    private readonly HttpClient _http = CertCentralSetup.Http();

    private CertCentralBench(ScriptedCa ca, Func<CertCentralOptions, CertCentralOptions> change)
    {
        Ca = ca;
        Options = change(new CertCentralOptions
        {
            BaseUrl = ca.BaseUrl,
            ApiKey = new Secret(Key),
            ReadRetryWaits = [TimeSpan.Zero, TimeSpan.Zero],
        });
        _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var meters = _services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "controlplane_ca_calls" && instrument.Meter.Scope == meters)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, count, tags, _) =>
        {
            var named = tags.ToArray().ToDictionary(t => t.Key, t => t.Value);
            Counted.Enqueue($"{named["route"]} {named["result"]} {count}");
        });
        _listener.Start();
        var wire = new CertCentralWire(_http, Options, Budget, meters, TimeProvider.System, Log);
        Client = new CertCentralClient(wire);
        Authority = new CertCentralAuthority(Client, Options, TimeProvider.System);
    }

    public ScriptedCa Ca { get; }

    public CertCentralOptions Options { get; }

    public RecordingBudget Budget { get; } = new();

    public CapturedLog Log { get; } = new();

    public ConcurrentQueue<string> Counted { get; } = new();

    public CertCentralClient Client { get; }

    public CertCentralAuthority Authority { get; }

    public static Task<CertCentralBench> StartAsync(params RequestDelegate[] scripts) => StartAsync(o => o, scripts);

    public static async Task<CertCentralBench> StartAsync(
        Func<CertCentralOptions, CertCentralOptions> change, params RequestDelegate[] scripts) =>
        new(await ScriptedCa.StartAsync(scripts), change);

    public Task<PlacedOrder> PlaceAsync() => Authority.PlaceOrderAsync(
        new OrderRequest(Guid.Parse("0190f3a0-0000-7000-8000-000000000001"), "shop.test", [0x30, 0], CallPriority.New),
        CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        _http.Dispose();
        await _services.DisposeAsync();
        await Ca.DisposeAsync();
    }
}

/// <summary>Grants every call, unless told to hold them back.</summary>
internal sealed class RecordingBudget : ICallBudget
{
    public ConcurrentQueue<CallPriority> Reserved { get; } = new();

    public ConcurrentQueue<TimeSpan?> Pauses { get; } = new();

    public Func<CancellationToken, Task> Grant { get; set; } = _ => Task.CompletedTask;

    public async ValueTask ReserveAsync(CallPriority priority, CancellationToken ct)
    {
        await Grant(ct);
        Reserved.Enqueue(priority);
    }

    public ValueTask ExhaustedAsync(TimeSpan? retryAfter, CancellationToken ct)
    {
        Pauses.Enqueue(retryAfter);
        return ValueTask.CompletedTask;
    }
}

internal sealed class CapturedLog : ILogger<CertCentralWire>
{
    public ConcurrentQueue<string> Lines { get; } = new();

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter) =>
        Lines.Enqueue(formatter(state, exception) + exception);
}
