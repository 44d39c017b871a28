using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ControlPlane.Tests.Webhooks;

/// <summary>A post as it came in, and what was answered.</summary>
internal sealed record Heard(string Id, long Timestamp, string Signatures, string Body, int Status)
{
    public bool IsTaken => Status is >= 200 and < 300;

    /// <summary>Checks as a receiver would that knows nothing of our code: Standard Webhooks, v1.</summary>
    public bool IsSignedWith(string secret)
    {
        using var hash = new HMACSHA256(Convert.FromBase64String(secret["whsec_".Length..]));
        var expected = Convert.ToBase64String(hash.ComputeHash(Encoding.UTF8.GetBytes($"{Id}.{Timestamp}.{Body}")));
        return Signatures.Split(' ').Contains($"v1,{expected}");
    }
}

/// <summary>A portal's receiver: a real listener on loopback that writes down what comes and answers what the test
/// says.</summary>
internal sealed class ReceiverStandIn : IAsyncDisposable
{
    private readonly ConcurrentQueue<Heard> _heard = new();
    private readonly WebApplication _app;
    private int _atOnce;

    private ReceiverStandIn()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.Run(TakeAsync);
    }

    /// <summary>What to answer to the post with this id; 204 unless a test says otherwise. It may wait.</summary>
    public Func<HttpContext, string, Task<int>> Answer { get; set; } = (_, _) => Task.FromResult(204);

    public IReadOnlyList<Heard> Heard => [.. _heard];

    /// <summary>The ids taken, in order.</summary>
    public IReadOnlyList<string> Taken => [.. _heard.Where(one => one.IsTaken).Select(one => one.Id)];

    /// <summary>The most posts that were under way at once.</summary>
    public int MostAtOnce { get; private set; }

    public string Url => $"{Address}hooks";

    public int Port => new Uri(Address).Port;

    private string Address => _app.Services.GetRequiredService<IServer>().Features
        .Get<IServerAddressesFeature>()!.Addresses.Single() + "/";

    public static async Task<ReceiverStandIn> StartAsync()
    {
        var receiver = new ReceiverStandIn();
        await receiver._app.StartAsync();
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        MostAtOnce = Math.Max(MostAtOnce, Interlocked.Increment(ref _atOnce));
        using var reader = new StreamReader(context.Request.Body);
        var body = await reader.ReadToEndAsync();
        var headers = context.Request.Headers;
        var id = headers["webhook-id"].ToString();
        var status = await Answer(context, id);
        _heard.Enqueue(new Heard(
            id, long.Parse(headers["webhook-timestamp"].ToString()), headers["webhook-signature"].ToString(), body,
            status));
        Interlocked.Decrement(ref _atOnce);
        context.Response.StatusCode = status;
        if (status == (int)HttpStatusCode.Found)
        {
            context.Response.Headers.Location = $"{Address}elsewhere";
        }
    }
}
