using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ControlPlane.Tests.Domains;

/// <summary>
/// A stand-in for a node's port 80: a real listener on loopback that serves the token store by exact Host, as HAProxy
/// and agent do together, or nothing at all while it is <see cref="Blind"/>.
/// </summary>
internal sealed class NodeStandIn : IAsyncDisposable
{
    private readonly string _tokens;
    private readonly WebApplication _app;

    private NodeStandIn(string tokens)
    {
        _tokens = tokens;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    public bool Blind { get; set; }

    public int Asked { get; private set; }

    public IPEndPoint Endpoint => IPEndPoint.Parse(new Uri(_app.Services.GetRequiredService<IServer>().Features
        .Get<IServerAddressesFeature>()!.Addresses.Single()).Authority);

    public static async Task<NodeStandIn> StartAsync(string tokens)
    {
        var node = new NodeStandIn(tokens);
        await node._app.StartAsync();
        return node;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        Asked++;
        var folder = Path.Combine(_tokens, context.Request.Host.Host);
        var suffix = context.Request.Path.StartsWithSegments("/.well-known/acme-challenge") ? ".acme" : "";
        var newest = !Blind && Directory.Exists(folder)
            ? Directory.GetFiles(folder).Where(file => Path.GetExtension(file) == suffix)
                .OrderByDescending(file => long.Parse(Path.GetFileNameWithoutExtension(file))).FirstOrDefault()
            : null;
        if (newest is not null && suffix.Length > 0)
        {
            var words = (await File.ReadAllLinesAsync(newest, context.RequestAborted))[0].Split(' ', 2);
            context.Response.StatusCode = context.Request.Path.Value!.EndsWith("/" + words[0], StringComparison.Ordinal)
                ? 200 : 404;
            await context.Response.WriteAsync(words[1], context.RequestAborted);
            return;
        }

        if (newest is null || context.Request.Path != "/.well-known/pki-validation/fileauth.txt")
        {
            context.Response.StatusCode = 404;
            return;
        }

        var lines = await File.ReadAllLinesAsync(newest, context.RequestAborted);
        await context.Response.WriteAsync(lines[0], context.RequestAborted);
    }
}
