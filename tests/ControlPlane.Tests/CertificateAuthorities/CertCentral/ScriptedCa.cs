using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ControlPlane.Tests.CertificateAuthorities.CertCentral;

/// <summary>
/// A real HTTP server on loopback that answers as the test says: one script for each call, in order; the last one
/// repeats. It knows nothing of orders and certificates (the sandbox CA does); it is there for answers no sane CA
/// gives.
/// </summary>
internal sealed class ScriptedCa : IAsyncDisposable
{
    private readonly ConcurrentQueue<RequestDelegate> _scripts;
    private readonly ConcurrentQueue<SeenCall> _seen = new();
    private readonly WebApplication _app;

    private ScriptedCa(RequestDelegate[] scripts)
    {
        _scripts = new(scripts);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    public Uri BaseUrl => new(_app.Services.GetRequiredService<IServer>().Features
        .Get<IServerAddressesFeature>()!.Addresses.Single() + "/services/v2");

    public IReadOnlyList<SeenCall> Seen => [.. _seen];

    public static async Task<ScriptedCa> StartAsync(params RequestDelegate[] scripts)
    {
        var ca = new ScriptedCa(scripts);
        await ca._app.StartAsync();
        return ca;
    }

    public static RequestDelegate Json(int status, string body) => Text(status, "application/json", body);

    public static RequestDelegate Error(int status, string code, string message = "said the CA") =>
        Json(status, $$"""{ "errors": [ { "code": "{{code}}", "message": "{{message}}" } ] }""");

    public static RequestDelegate Text(int status, string type, string body) => async context =>
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(body));
    };

    public static RequestDelegate Empty(int status) => context =>
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    };

    /// <summary>
    /// The call is read whole, then the connection is reset: it was carried out for all anybody knows.
    /// </summary>
    public static RequestDelegate Reset => context =>
    {
        context.Abort();
        return Task.CompletedTask;
    };

    /// <summary>Answers when the asker has hung up.</summary>
    public static RequestDelegate Slow => async context =>
    {
        var gone = new TaskCompletionSource();
        await using var registration = context.RequestAborted.Register(gone.SetResult);
        await gone.Task;
    };

    /// <summary>Promises a body and sends half of it.</summary>
    public static RequestDelegate CutOff => async context =>
    {
        context.Response.StatusCode = 201;
        context.Response.ContentLength = 1000;
        await context.Response.Body.WriteAsync("{ \"id\": 61"u8.ToArray());
        await context.Response.Body.FlushAsync();
        context.Abort();
    };

    public static RequestDelegate With(string header, string value, RequestDelegate then) => context =>
    {
        context.Response.Headers[header] = value;
        return then(context);
    };

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        _seen.Enqueue(new SeenCall(
            context.Request.Method,
            context.Request.Path.Value![(context.Request.Path.Value!.IndexOf("/v2/", StringComparison.Ordinal) + 4)..]
                + WebUtility.UrlDecode(context.Request.QueryString.Value),
            context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase),
            await reader.ReadToEndAsync(),
            context.Connection.Id));
        var more = _scripts.Count > 1;
        var script = (more ? _scripts.TryDequeue(out var next) : _scripts.TryPeek(out next)) ? next! : Empty(500);
        await script(context);
    }
}

internal sealed record SeenCall(
    string Method, string Path, IReadOnlyDictionary<string, string> Headers, string Body, string Connection);
