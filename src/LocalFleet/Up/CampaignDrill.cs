using System.Net.Http.Json;
using System.Text.Json;

namespace LocalFleet.Up;

/// <summary>
/// Replaces the certificate of every active domain by a campaign, while visitors come without a pause and the CA is
/// restarted in the middle; then holds what was foretold against what happened.
/// </summary>
internal sealed class CampaignDrill(Fleet fleet, ApiClient admin, Action<string> tell)
{
    /// <summary>How far what happened may be from what was foretold.</summary>
    public const double Tolerance = 0.2;

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <param name="domains">All that are active.</param>
    /// <param name="timeout">How long the campaign may take.</param>
    /// <param name="stop">Ends the wait.</param>
    /// <exception cref="FleetException">A handshake failed, or a domain was not replaced.</exception>
    public async Task<CampaignResult> RunAsync(
        IReadOnlyList<DomainView> domains, TimeSpan timeout, CancellationToken stop)
    {
        await using var visitors = await HandshakeProber.StartAsync(fleet, domains.Select(one => one.Hostname), stop);
        var planned = await SendAsync("/v1/campaigns", new
        {
            reason = "A drill: every certificate is replaced.",
            deadline = TimeProvider.System.GetUtcNow() + timeout,
            filter = new { hostnames = domains.Select(one => one.Hostname) },
        }, stop);
        var path = $"/v1/campaigns/{planned.GetProperty("id")}";
        tell($"Campaign {planned.GetProperty("id")}: {planned.GetProperty("plan")}");
        var started = await SendAsync($"{path}/start", null, stop);
        var foretold = TimeSpan.FromSeconds(started.GetProperty("plan").GetProperty("seconds").GetDouble());
        var ended = await WatchAsync(path, domains.Count, timeout, stop);
        var took = await LastProofAsync(path, stop) - started.GetProperty("startedAt").GetDateTimeOffset();
        var result = new CampaignResult(
            Count(ended, "replaced"), foretold, took, visitors.Handshakes, [.. visitors.Failures]);
        tell(result.ToString());
        return result.Replaced == domains.Count && result.Failures.Count == 0
            ? result
            : throw new FleetException($"{result}\n{string.Join('\n', result.Failures.Take(10))}");
    }

    private async Task<JsonElement> WatchAsync(string path, int all, TimeSpan timeout, CancellationToken stop)
    {
        var time = TimeProvider.System;
        var began = time.GetTimestamp();
        var isRestarted = false;
        for (var before = -1; ;)
        {
            var campaign = await ReadAsync(path, stop);
            var replaced = Count(campaign, "replaced");
            if (replaced != before)
            {
                tell($"{replaced} of {all} replaced, {Count(campaign, "ordered")} ordered, "
                    + $"{Count(campaign, "failed")} failed; done at about {campaign.GetProperty("eta")}.");
                before = replaced;
            }

            if (campaign.GetProperty("state").GetString() == "completed")
            {
                return campaign;
            }

            if (!isRestarted && replaced >= all / 2)
            {
                isRestarted = true;
                await fleet.Sandbox.StopAsync();
                await fleet.Sandbox.StartAsync(stop);
                tell("The CA was restarted.");
            }

            if (time.GetElapsedTime(began) > timeout)
            {
                throw new FleetException(
                    $"The campaign did not end within {timeout}: {campaign.GetProperty("progress")}");
            }

            await Task.Delay(Pause, time, stop);
        }
    }

    private async Task<DateTimeOffset> LastProofAsync(string path, CancellationToken stop)
    {
        var last = DateTimeOffset.MinValue;
        for (var cursor = "0"; cursor is not null;)
        {
            var page = await ReadAsync($"{path}/domains?limit=200&cursor={cursor}", stop);
            last = page.GetProperty("items").EnumerateArray()
                .Select(row => row.GetProperty("settledAt")).Where(at => at.ValueKind == JsonValueKind.String)
                .Select(at => at.GetDateTimeOffset()).Append(last).Max();
            cursor = page.GetProperty("nextCursor").GetString();
        }

        return last;
    }

    private async Task<JsonElement> SendAsync(string path, object? body, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        request.Content = body is null ? null : JsonContent.Create(body);
        return await admin.SendAsync(request, stop);
    }

    private async Task<JsonElement> ReadAsync(string path, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        return await admin.SendAsync(request, stop);
    }

    private static int Count(JsonElement campaign, string word) =>
        campaign.GetProperty("progress").GetProperty(word).GetInt32();
}

/// <summary>How a drill ended.</summary>
/// <param name="Replaced">Certificates.</param>
/// <param name="Foretold">From the start to the last proof, as the plan said.</param>
/// <param name="Took">The same, as it was.</param>
/// <param name="Handshakes">That succeeded meanwhile.</param>
/// <param name="Failures">A sentence for each that did not.</param>
internal sealed record CampaignResult(
    int Replaced, TimeSpan Foretold, TimeSpan Took, int Handshakes, IReadOnlyList<string> Failures)
{
    public bool IsAsForetold => Math.Abs((Took - Foretold) / Took) <= CampaignDrill.Tolerance;

    public override string ToString() =>
        $"{Replaced} replaced in {Took.TotalSeconds:0.0} s, foretold were {Foretold.TotalSeconds:0.0} s "
        + $"({(Foretold - Took) / Took:+0 %;-0 %}); {Handshakes} handshakes meanwhile, {Failures.Count} failed.";
}
