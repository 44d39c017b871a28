using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ControlPlane.Contracts;

namespace SyncAgent.ControlPlaneApi;

/// <summary>The API could not be asked, or did not give a usable answer. "Could not ask" never means "no".</summary>
internal sealed class ApiUnavailableException(
    string message, TimeSpan? retryAfter = null, Exception? cause = null, bool isRefusal = false)
    : Exception(message, cause)
{
    /// <summary>The API understood and said no: asking again the same way changes nothing.</summary>
    public bool IsRefusal => isRefusal;

    /// <summary>What the server asked us to wait, if it did.</summary>
    public TimeSpan? RetryAfter => retryAfter;
}

/// <summary>The routes of the API that an agent calls: one line a route.</summary>
internal sealed class ApiClient(HttpClient http, TokenSigner signer, TimeProvider time)
{
    /// <summary>A bundle fetch of 200 takes the server well under a second; a proxy in between may hold it
    /// longer.</summary>
    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(30);

    /// <summary>How long after the wait it asked for a long poll may still be on its way.</summary>
    private static readonly TimeSpan PollMargin = TimeSpan.FromSeconds(15);

    /// <returns>null when the history behind the cursor is gone: ask again without one.</returns>
    public Task<DesiredStatePage?> GetDesiredState(string? cursor, int waitSeconds, CancellationToken cancel) =>
        Send(
            HttpMethod.Get, DesiredStateTarget(cursor, waitSeconds), [], TimeSpan.FromSeconds(waitSeconds) + PollMargin,
            ContractsJson.Default.DesiredStatePage, cancel);

    public async Task<FetchBundlesResponse> FetchBundles(FetchBundlesRequest request, CancellationToken cancel) =>
        Require(
            await Send(HttpMethod.Post, Routes.FetchBundles, Body(request, ContractsJson.Default.FetchBundlesRequest),
            CallLimit, ContractsJson.Default.FetchBundlesResponse, cancel));

    public async Task<DigestAnswer> PostDigests(DigestRequest request, CancellationToken cancel) =>
        Require(
            await Send(HttpMethod.Post, Routes.Digests, Body(request, ContractsJson.Default.DigestRequest),
            CallLimit, ContractsJson.Default.DigestAnswer, cancel));

    public async Task<ObservedStateReceipt> PutObservedState(ObservedStateReport report, CancellationToken cancel) =>
        Require(
            await Send(HttpMethod.Put, Routes.ObservedState, Body(report, ContractsJson.Default.ObservedStateReport),
            CallLimit, ContractsJson.Default.ObservedStateReceipt, cancel));

    public async Task<AdoptionPlanAnswer> PlanAdoption(AdoptionPlanRequest request, CancellationToken cancel) =>
        Require(
            await Send(HttpMethod.Post, Routes.AdoptionPlan, Body(request, ContractsJson.Default.AdoptionPlanRequest),
            CallLimit, ContractsJson.Default.AdoptionPlanAnswer, cancel));

    public async Task<HandInAnswer> HandInBundles(HandInRequest request, CancellationToken cancel) =>
        Require(
            await Send(HttpMethod.Post, Routes.AdoptedBundles, Body(request, ContractsJson.Default.HandInRequest),
            CallLimit, ContractsJson.Default.HandInAnswer, cancel));

    private static string DesiredStateTarget(string? cursor, int waitSeconds)
    {
        var wait = waitSeconds.ToString(CultureInfo.InvariantCulture);
        return cursor is null
            ? $"{Routes.DesiredState}?wait={wait}"
            : $"{Routes.DesiredState}?since={Uri.EscapeDataString(cursor)}&wait={wait}";
    }

    private static byte[] Body<T>(T value, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(value, type);

    private static T Require<T>(T? answer)
        where T : class =>
            answer ?? throw new ApiUnavailableException("The API answered 410 where that means nothing.");

    private async Task<T?> Send<T>(
        HttpMethod method, string target, byte[] body, TimeSpan limit, JsonTypeInfo<T> type, CancellationToken cancel)
        where T : class
    {
        using var timer = new CancellationTokenSource(limit, time);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel, timer.Token);
        try
        {
            using var first = await SendOnce(method, target, body, deadline.Token);
            if (!TryCorrectClock(first))
            {
                return await Read(first, type, deadline.Token);
            }

            using var second = await SendOnce(method, target, body, deadline.Token);
            return await Read(second, type, deadline.Token);
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException or JsonException)
        {
            throw new ApiUnavailableException($"{method} {target.Split('?')[0]}: {failure.Message}", cause: failure);
        }
        catch (OperationCanceledException late) when (!cancel.IsCancellationRequested)
        {
            throw new ApiUnavailableException(
                $"{method} {target.Split('?')[0]} took longer than {limit.TotalSeconds:0} s.", cause: late);
        }
    }

    private async Task<HttpResponseMessage> SendOnce(
        HttpMethod method, string target, byte[] body, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(method, target);
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "Bearer", signer.Sign(method.Method, target, body));
        if (body.Length > 0)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
    }

    /// <summary>True when the refusal was about time and the clock has been corrected: worth one more call.</summary>
    private bool TryCorrectClock(HttpResponseMessage response)
    {
        if (response.StatusCode != HttpStatusCode.Unauthorized
            || !response.Headers.TryGetValues(NodeToken.ServerTimeHeader, out var values)
            || !DateTimeOffset.TryParse(
                values.First(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var server))
        {
            return false;
        }

        // Small differences are the way back of the answer, not a clock: the refusal then has another cause.
        if ((server - time.GetUtcNow() - signer.Offset).Duration() < TimeSpan.FromSeconds(2))
        {
            return false;
        }

        signer.CorrectBy(server);
        return true;
    }

    private async Task<T?> Read<T>(HttpResponseMessage response, JsonTypeInfo<T> type, CancellationToken cancel)
        where T : class
    {
        if (response.StatusCode == HttpStatusCode.Gone)
        {
            return null;
        }

        if (!response.IsSuccessStatusCode)
        {
            throw new ApiUnavailableException(
                $"{response.RequestMessage!.Method} {response.RequestMessage.RequestUri!.AbsolutePath} "
                + $"answered {(int)response.StatusCode}.{Unknown(response.StatusCode)}",
                RetryAfter(response.Headers.RetryAfter));
        }

        return await response.Content.ReadFromJsonAsync(type, cancel)
            ?? throw new ApiUnavailableException("The API answered null.");
    }

    /// <summary>What a person does about a 401 that stays after the clocks were compared, or about a 409.</summary>
    private static string Unknown(HttpStatusCode status) => status switch
    {
        HttpStatusCode.Unauthorized =>
            " The control plane refuses this node: it was banned or retired, or the database was set back to before it "
            + "joined. It has to be enrolled anew, with an empty state directory.",
        HttpStatusCode.Conflict =>
            " The adoption's code is wrong, closed, over, of another fleet, or another node has used it.",
        _ => "",
    };

    private TimeSpan? RetryAfter(RetryConditionHeaderValue? header) =>
        header?.Delta ?? (header?.Date is { } date ? date - time.GetUtcNow() - signer.Offset : null);
}
