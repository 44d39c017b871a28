using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace LocalFleet.Up;

/// <summary>
/// Registers names by one file, as a portal that moves here does; then sends the file again, which must change nothing.
/// While the names come in, the list is walked again and again: what it held before must be on every walk, and nothing
/// twice.
/// </summary>
internal sealed class NameImport(ApiClient api, Action<string> tell)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <exception cref="FleetException">Something was lost, doubled or changed.</exception>
    public async Task RunAsync(IReadOnlyCollection<string> names, CancellationToken stop)
    {
        var time = TimeProvider.System;
        var started = time.GetTimestamp();
        var first = await SendAsync(names, stop);
        tell($"The file is taken in after {Seconds(time, started)}.");
        var walks = 0;
        var before = await WalkAsync([], stop);
        while (first.GetProperty("status").GetString() == "running")
        {
            tell($"{Summary(first)}; {Seconds(time, started)}");
            before = await WalkAsync(before, stop);
            walks++;
            await Task.Delay(Pause, time, stop);
            first = await ReadAsync(first, stop);
        }

        tell($"{Summary(first)}; {Seconds(time, started)}, {walks} walks through the list meanwhile.");
        Expect(first, "registered", names.Count);
        before = await WalkAsync(before, stop);

        started = time.GetTimestamp();
        var second = await SendAsync(names, stop);
        while (second.GetProperty("status").GetString() == "running")
        {
            await Task.Delay(Pause, time, stop);
            second = await ReadAsync(second, stop);
        }

        tell($"The same file once more: {Summary(second)}; {Seconds(time, started)}.");
        Expect(second, "unchanged", names.Count);
        var after = await WalkAsync(before, stop);
        if (!after.SetEquals(before))
        {
            throw new FleetException($"The repeat changed the list: {before.Count} domains, then {after.Count}.");
        }
    }

    /// <summary>Walks through the whole list.</summary>
    /// <param name="known">Ids that must be there.</param>
    /// <param name="stop">Ends it.</param>
    private async Task<HashSet<string>> WalkAsync(HashSet<string> known, CancellationToken stop)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var domain in await api.ListAsync(stop))
        {
            if (!seen.Add(domain.Id))
            {
                throw new FleetException($"One walk through the list showed {domain.Hostname} twice.");
            }
        }

        return known.IsSubsetOf(seen)
            ? seen
            : throw new FleetException($"A walk through the list missed {known.Except(seen).Count()} domains.");
    }

    private async Task<JsonElement> SendAsync(IEnumerable<string> names, CancellationToken stop)
    {
        var file = "hostname\n" + string.Concat(names.Select(name => $"{name}\n"));
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/imports");
        request.Headers.Add("Idempotency-Key", $"local-fleet-{Guid.NewGuid():N}");
        request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(file));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("text/csv");
        return await api.SendAsync(request, stop);
    }

    private async Task<JsonElement> ReadAsync(JsonElement import, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/imports/{import.GetProperty("id")}");
        return await api.SendAsync(request, stop);
    }

    private static void Expect(JsonElement import, string outcome, int count)
    {
        if (import.GetProperty(outcome).GetInt32() != count)
        {
            throw new FleetException($"Of {count} rows not all are {outcome}: {Summary(import)}.");
        }
    }

    private static string Summary(JsonElement import) =>
        $"{import.GetProperty("rows")} rows: "
        + string.Join(", ", new[] { "registered", "unchanged", "refused", "pending", "active" }
            .Select(word => $"{import.GetProperty(word)} {word}"));

    private static string Seconds(TimeProvider time, long since) =>
        $"{time.GetElapsedTime(since).TotalSeconds:0.0} s";
}
