using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ControlPlane.Tests.CertificateAuthorities.Acme;

/// <summary>
/// A real HTTP server that has a directory, nonces and accounts as any ACME CA, and answers everything else as the test
/// says: for each path its scripts in order, of which the last one repeats. It is there for what pebble never says.
/// </summary>
internal sealed class ScriptedAcme : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, ConcurrentQueue<RequestDelegate>> _scripts = new();
    private readonly ConcurrentQueue<(string Path, string Payload)> _seen = new();
    private readonly WebApplication _app;
    private int _nonce;

    private ScriptedAcme()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.Run(AnswerAsync);
        On("/nonce", Json(200, "{}"));
        On("/account", Made("/account/1", "{}"));
    }

    /// <summary>Whether its directory names renewal information.</summary>
    public bool HasRenewals { get; set; }

    public Uri Url => new(Base + "/dir");

    public string Base => _app.Services.GetRequiredService<IServer>().Features
        .Get<IServerAddressesFeature>()!.Addresses.Single();

    public IReadOnlyList<(string Path, string Payload)> Seen => [.. _seen];

    public static async Task<ScriptedAcme> StartAsync()
    {
        var ca = new ScriptedAcme();
        await ca._app.StartAsync();
        return ca;
    }

    public static RequestDelegate Json(int status, string body, string? retryAfter = null) => async context =>
    {
        context.Response.StatusCode = status;
        if (retryAfter is not null)
        {
            context.Response.Headers.RetryAfter = retryAfter;
        }

        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await context.Response.WriteAsync(body);
        }
    };

    public static RequestDelegate Problem(int status, string word, string? retryAfter = null) => Json(
        status, $$"""{"type":"urn:ietf:params:acme:error:{{word}}","detail":"said the CA"}""", retryAfter);

    /// <summary>The call is read whole, then the connection is reset.</summary>
    public static RequestDelegate Reset => context =>
    {
        context.Abort();
        return Task.CompletedTask;
    };

    public RequestDelegate Made(string location, string body) => async context =>
    {
        context.Response.StatusCode = 201;
        context.Response.Headers.Location = Base + location;
        await context.Response.WriteAsync(body);
    };

    /// <summary>An order as it stands at <c>/order/1</c>.</summary>
    public string Order(string status, bool certificate = false)
    {
        var more = certificate ? $",\"certificate\":\"{Base}/certificate/1\"" : "";
        return $$"""
            {"status":"{{status}}","authorizations":["{{Base}}/authz/1"],"finalize":"{{Base}}/finalize/1"{{more}}}
            """;
    }

    public string Authorization(string status, string challenge, string rest = "") => $$"""
        {"status":"{{status}}","challenges":[{"type":"dns-01","url":"{{Base}}/none","status":"pending","token":"x"},
         {"type":"http-01","url":"{{Base}}/challenge/1","status":"{{challenge}}","token":"the-token"{{rest}}}]}
        """;

    public void On(string path, params RequestDelegate[] scripts) => _scripts[path] = new(scripts);

    public int Count(string path) => _seen.Count(call => call.Path == path);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        _seen.Enqueue((path, body.Length == 0 ? "" : PayloadOf(body.ToArray())));
        context.Response.Headers["Replay-Nonce"] = $"nonce{Interlocked.Increment(ref _nonce)}";
        if (path == "/dir")
        {
            var renewals = HasRenewals ? $",\"renewalInfo\":\"{Base}/renewal\"" : "";
            await Json(200, $$"""
                {"newNonce":"{{Base}}/nonce","newAccount":"{{Base}}/account","newOrder":"{{Base}}/order",
                 "revokeCert":"{{Base}}/revoke"{{renewals}}}
                """)(context);
            return;
        }

        if (!_scripts.TryGetValue(path, out var scripts) || !scripts.TryPeek(out var script))
        {
            context.Response.StatusCode = 404;
            return;
        }

        if (scripts.Count > 1)
        {
            scripts.TryDequeue(out _);
        }

        await script(context);
    }

    private static string PayloadOf(byte[] jws)
    {
        using var document = JsonDocument.Parse(jws);
        return Encoding.UTF8.GetString(
            Base64Url.DecodeFromChars(document.RootElement.GetProperty("payload").GetString()));
    }
}
