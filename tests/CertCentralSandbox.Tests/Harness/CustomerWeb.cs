using System.Collections.Concurrent;
using System.Net;
using CertCentralSandbox.Validation;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace CertCentralSandbox.Tests.Harness;

/// <summary>The customer's side of control validation: a real web server that answers by Host.</summary>
internal sealed class CustomerWeb : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, RequestDelegate> _hosts = new();

    private CustomerWeb(WebApplication app) => _app = app;

    /// <summary>Every request seen: Host, user agent, perspective.</summary>
    public ConcurrentQueue<(string Host, string UserAgent, string Perspective)> Seen { get; } = new();

    public int Port { get; private set; }

    public static async Task<CustomerWeb> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        var web = new CustomerWeb(builder.Build());
        web._app.MapGet(TokenFetch.Path, web.AnswerAsync);
        web._app.MapPost("/hook", web.AnswerAsync);
        await web._app.StartAsync();
        web.Port = new Uri(web._app.Urls.First()).Port;
        return web;
    }

    public void Publish(string host, string content) => _hosts[host] = http => http.Response.WriteAsync(content);

    public void Answer(string host, RequestDelegate answer) => _hosts[host] = answer;

    public void Withdraw(string host) => _hosts.TryRemove(host, out _);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private Task AnswerAsync(HttpContext http)
    {
        var host = http.Request.Host.Value!;
        Seen.Enqueue((
            host, http.Request.Headers.UserAgent.ToString(), http.Request.Headers["X-Sandbox-Perspective"].ToString()));
        if (_hosts.TryGetValue(host, out var answer))
        {
            return answer(http);
        }

        http.Response.StatusCode = 404;
        return Task.CompletedTask;
    }
}
