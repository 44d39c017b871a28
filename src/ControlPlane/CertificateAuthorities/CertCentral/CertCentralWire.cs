using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace ControlPlane.CertificateAuthorities.CertCentral;

/// <summary>
/// Sends calls: reserves budget, adds the key, limits the time, counts, and turns every failure into a
/// <see cref="CertCentralException"/>. Reads are repeated by <see cref="CertCentralOptions.ReadRetryWaits"/>;
/// everything else is sent once, because only the caller can find out whether a lost call was carried out. No call
/// outlives <see cref="CertCentralOptions.BudgetPatience"/> + <see cref="CertCentralOptions.HttpTimeout"/>.
/// </summary>
internal sealed partial class CertCentralWire
{
    /// <summary>Longer than any window of the CA. What asks for more is a mistake on the way, and all replicas would
    /// stand still for it: after this the CA is asked whether that holds.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);

    private readonly HttpClient _http;
    private readonly CertCentralOptions _options;
    private readonly ICallBudget _budget;
    private readonly TimeProvider _time;
    private readonly ILogger<CertCentralWire> _log;
    private readonly Counter<long> _calls;
    private readonly ResiliencePipeline _reads;

    public CertCentralWire(
        HttpClient http, CertCentralOptions options, ICallBudget budget, IMeterFactory meters, TimeProvider time,
        ILogger<CertCentralWire> log)
    {
        (_http, _options, _budget, _time, _log) = (http, options, budget, time, log);
        _calls = meters.Create("ControlPlane").CreateCounter<long>(
            "controlplane_ca_calls", description: "Calls to the CA by route and result.");
        _reads = ReadPipeline(options, time);
    }

    /// <summary>
    /// Sends a call and reads its answer with <paramref name="read"/>, which throws JsonException on nonsense.
    /// </summary>
    /// <exception cref="CertCentralException">See its members.</exception>
    public async Task<T> SendAsync<T>(CertCentralCall call, Func<byte[], T> read, CancellationToken ct)
    {
        if (!call.IsRead)
        {
            return await SendOnceAsync(call, read, ct);
        }

        try
        {
            return await _reads.ExecuteAsync(async limited => await SendOnceAsync(call, read, limited), ct);
        }
        catch (TimeoutRejectedException e)
        {
            throw CertCentralFailures.NoAnswer(call, "gave up after all tries took too long", e);
        }
    }

    private static ResiliencePipeline ReadPipeline(CertCentralOptions options, TimeProvider time)
    {
        var builder = new ResiliencePipelineBuilder { TimeProvider = time };
        builder.AddTimeout(options.BudgetPatience + options.HttpTimeout);
        if (options.ReadRetryWaits.Count > 0)
        {
            builder.AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = options.ReadRetryWaits.Count,
                DelayGenerator = retry => ValueTask.FromResult<TimeSpan?>(options.ReadRetryWaits[retry.AttemptNumber]),
                // Not after 429, nor for want of budget: then the shared budget decides when the next call is due.
                ShouldHandle = retry => ValueTask.FromResult(retry.Outcome.Exception is CertCentralException
                {
                    Transient: true,
                    Result: not ("rate_limited" or "no_budget"),
                }),
            });
        }

        return builder.Build();
    }

    private async Task<T> SendOnceAsync<T>(CertCentralCall call, Func<byte[], T> read, CancellationToken ct)
    {
        try
        {
            await ReserveAsync(call, ct);
            var answer = await ExchangeAsync(call, ct);
            try
            {
                var value = read(answer.Body);
                Count(call, "ok");
                return value;
            }
            catch (JsonException e)
            {
                throw CertCentralFailures.Unreadable(call, answer.Status, e.Message, e);
            }
        }
        catch (CertCentralException e)
        {
            if (e.Result != "no_budget")
            {
                Count(call, e.Result);
            }

            LogFailure(call.Route, e.Result, e.Message);
            if (e.Result == "rate_limited")
            {
                await _budget.ExhaustedAsync(e.RetryAfter, ct);
            }

            throw;
        }
    }

    private async Task ReserveAsync(CertCentralCall call, CancellationToken ct)
    {
        using var patience = new CancellationTokenSource(_options.BudgetPatience, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, ct);
        try
        {
            await _budget.ReserveAsync(call.Priority, both.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw CertCentralFailures.NoBudget(call);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The budget's own trouble (its database); for the order this only says that nothing has been sent.
            throw CertCentralFailures.NotSent(call, "the call budget could not be asked", e);
        }
    }

    private async Task<(HttpStatusCode Status, byte[] Body)> ExchangeAsync(CertCentralCall call, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(_options.HttpTimeout, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        try
        {
            using var request = Request(call);
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseContentRead, both.Token);
            var body = await response.Content.ReadAsByteArrayAsync(both.Token);
            return response.IsSuccessStatusCode
                ? (response.StatusCode, body)
                : throw CertCentralFailures.Refused(call, response.StatusCode, body, RetryAfter(response));
        }
        catch (HttpRequestException e)
        {
            throw CertCentralFailures.Broken(call, e);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            // The only other clock is the handler's connect time-out, and then nothing has been sent.
            throw limit.IsCancellationRequested
                ? CertCentralFailures.NoAnswer(call, $"none within {_options.HttpTimeout}", e)
                : CertCentralFailures.NotSent(call, "no connection in time", e);
        }
    }

    private HttpRequestMessage Request(CertCentralCall call)
    {
        var request = new HttpRequestMessage(call.Method, new Uri(BaseUrl(), call.Path));
        request.Headers.Add("X-DC-DEVKEY", _options.ApiKey.Reveal());
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(call.Accept));
        if (call.Body is { } body)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        return request;
    }

    private Uri BaseUrl() => new(_options.BaseUrl.AbsoluteUri.TrimEnd('/') + "/");

    private TimeSpan? RetryAfter(HttpResponseMessage response) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => Bounded(delta),
        { Date: { } date } when date > _time.GetUtcNow() => Bounded(date - _time.GetUtcNow()),
        _ => null,
    };

    private static TimeSpan Bounded(TimeSpan asked) => asked < LongestPause ? asked : LongestPause;

    private void Count(CertCentralCall call, string result) =>
        _calls.Add(1, new("route", call.Route), new KeyValuePair<string, object?>("result", result));

    [LoggerMessage(Level = LogLevel.Warning, Message = "CA call {Route} failed as {Result}: {Error}")]
    private partial void LogFailure(string route, string result, string error);
}
