using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using ControlPlane.Dns;
using Microsoft.AspNetCore.Builder;

namespace CertCentralSandbox.Tests.Harness;

/// <summary>The real sandbox on a free port, with a real DNS server and a real customer web server beside it.</summary>
internal sealed class Sandbox : IAsyncDisposable
{
    public const string ApiKey = "test-key-0123456789";
    private readonly DnsServer _dns;
    private WebApplication _app;
    private HttpClient _http;

    private Sandbox(SandboxOptions options, CustomerWeb web, DnsTable names, DnsServer dns, WebApplication app)
    {
        (Options, Web, Names, _dns, _app) = (options, web, names, dns, app);
        _http = Client(app, ApiKey);
    }

    public SandboxOptions Options { get; private set; }

    public CustomerWeb Web { get; }

    public DnsTable Names { get; }

    public string Origin => _app.Urls.First();

    public static async Task<Sandbox> StartAsync(Func<SandboxOptions, SandboxOptions>? with = null)
    {
        var web = await CustomerWeb.StartAsync();
        var names = new DnsTable();
        var dns = DnsServer.Start(new IPEndPoint(IPAddress.Loopback, 0), names.Answer);
        var options = new SandboxOptions
        {
            Listen = new IPEndPoint(IPAddress.Loopback, 0),
            StateDirectory = Directory.CreateTempSubdirectory("sandbox-ca-").FullName,
            ApiKey = ApiKey,
            Dns = dns.EndPoint,
            HttpPort = web.Port,
            RateLimit = false,
        };
        options = with?.Invoke(options) ?? options;
        var app = await SandboxHost.StartAsync(options, TimeProvider.System, CancellationToken.None);
        return new Sandbox(options, web, names, dns, app);
    }

    /// <summary>Stops the program and starts it again over the same state.</summary>
    public async Task RestartAsync()
    {
        _http.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        _app = await SandboxHost.StartAsync(Options, TimeProvider.System, CancellationToken.None);
        _http = Client(_app, ApiKey);
    }

    public HttpClient ClientWithKey(string key) => Client(_app, key);

    public async Task<Answer> CallAsync(HttpMethod method, string path, object? body = null)
    {
        using var request = new HttpRequestMessage(method, path.StartsWith('/') ? path : "/services/v2/" + path);
        request.Content = body is null ? null : JsonContent.Create(body);
        using var answer = await _http.SendAsync(request);
        return new Answer(answer, await answer.Content.ReadAsByteArrayAsync());
    }

    public Task<Answer> GetAsync(string path) => CallAsync(HttpMethod.Get, path);

    public Task<Answer> PutAsync(string path, object? body = null) => CallAsync(HttpMethod.Put, path, body);

    public Task<Answer> PostAsync(string path, object? body = null) => CallAsync(HttpMethod.Post, path, body);

    public async Task FaultAsync(string name, object setting)
    {
        var answer = await CallAsync(
            HttpMethod.Patch, "/sandbox/faults", new Dictionary<string, object> { [name] = setting });
        Assert.Equal(200, answer.Status);
    }

    public async Task<JsonElement> StatsAsync() => (await GetAsync("/sandbox/stats")).Json;

    /// <summary>Gives the name an address, so that the perspectives reach the customer's web server.</summary>
    public void Resolve(string name) => Names.Set(name, new AddressRecord(name, 60, IPAddress.Loopback));

    /// <summary>Waits on a condition; fails after a generous time.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (!await condition())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, limit.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        await Web.DisposeAsync();
        await _dns.DisposeAsync();
        Directory.Delete(Options.StateDirectory, recursive: true);
    }

    private static HttpClient Client(WebApplication app, string key)
    {
        var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        client.DefaultRequestHeaders.Add("X-DC-DEVKEY", key);
        return client;
    }
}

/// <summary>An answer, read.</summary>
internal sealed class Answer(HttpResponseMessage message, byte[] body)
{
    public int Status { get; } = (int)message.StatusCode;

    public byte[] Body { get; } = body;

    public string? Type { get; } = message.Content.Headers.ContentType?.MediaType;

    public bool HasRetryAfter { get; } = message.Headers.RetryAfter is not null;

    public string Text => System.Text.Encoding.UTF8.GetString(Body);

    public JsonElement Json => JsonSerializer.Deserialize<JsonElement>(Body);

    /// <summary>First error code of the envelope.</summary>
    public string? Code => Json.GetProperty("errors")[0].GetProperty("code").GetString();

    public JsonElement this[string name] => Json.GetProperty(name);

    public string? String(string name) => this[name].GetString();
}
