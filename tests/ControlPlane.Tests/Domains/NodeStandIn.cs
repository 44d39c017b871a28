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
        var newest = !Blind && Directory.Exists(folder)
            ? Directory.GetFiles(folder).OrderByDescending(file => long.Parse(Path.GetFileName(file))).FirstOrDefault()
            : null;
        if (newest is null || context.Request.Path != "/.well-known/pki-validation/fileauth.txt")
        {
            context.Response.StatusCode = 404;
            return;
        }

        var lines = await File.ReadAllLinesAsync(newest, context.RequestAborted);
        await context.Response.WriteAsync(lines[0], context.RequestAborted);
    }
}
