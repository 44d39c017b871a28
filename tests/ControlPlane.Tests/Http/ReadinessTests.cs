using System.Net;
using ControlPlane.Http.Health;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlPlane.Tests.Http;

public sealed class ReadinessTests
{
    /// <summary>Fails when two checks run at once, when a result is not shared, or when it is told for longer than a
    /// second.</summary>
    [Fact]
    public async Task However_many_strangers_ask_for_readiness_the_checks_run_once_a_second()
    {
        var clock = new FakeClock();
        var runs = 0;
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton<TimeProvider>(clock);
        // Nobody listens there: not ready, which is an answer like any other.
        builder.Services.AddSingleton(_ => NpgsqlDataSource.Create("Host=127.0.0.1;Port=9;Username=nobody"));
        builder.AddHealth();
        builder.Services.AddHealthChecks().AddAsyncCheck("counted", async () =>
        {
            Interlocked.Increment(ref runs);
            await gate.Task;
            return HealthCheckResult.Healthy();
        });
        await using var app = builder.Build();
        app.MapHealth();
        await app.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        var readiness = app.Services.GetRequiredService<Readiness>();

        var waiting = Enumerable.Range(0, 50).Select(_ => readiness.ReadAsync(default)).ToList();
        clock.Advance(Readiness.Fresh);
        waiting.Add(readiness.ReadAsync(default));
        gate.SetResult();
        await Task.WhenAll(waiting);
        Assert.Equal(1, runs);

        // Old by the time it was done: the next one looks anew, and the route shares what it found.
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await http.GetAsync("/readyz")).StatusCode);
        Assert.Equal(2, runs);
        await http.GetAsync("/readyz");
        await http.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/readyz"));
        Assert.Equal(2, runs);
        clock.Advance(Readiness.Fresh);
        await http.GetAsync("/readyz");
        Assert.Equal(3, runs);
    }
}
