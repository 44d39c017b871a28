using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace LocalFleet.Up;

/// <summary>The control plane's REST API, as a customer's portal uses it.</summary>
internal sealed class ApiClient : IDisposable
{
    private readonly HttpClient _http;

    private ApiClient(string url, string key)
    {
        // 30 s: an answer takes milliseconds, but two cores may be signing hundreds of certificates meanwhile.
        _http = new HttpClient { BaseAddress = new Uri(url), Timeout = TimeSpan.FromSeconds(30) };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
    }

    /// <param name="fleet">Whose API.</param>
    /// <param name="replica">Which of its control planes, from 1.</param>
    public static ApiClient For(Fleet fleet, int replica = 1) =>
        new(fleet.ControlPlanes[replica - 1].Url, File.ReadAllText(fleet.Layout.PortalKey).Trim());

    public static ApiClient ForAdmin(Fleet fleet) =>
        new(fleet.ControlPlane.Url, File.ReadAllText(fleet.Layout.AdminKey).Trim());

    /// <summary>Registers a name.</summary>
    public async Task<DomainView> RegisterAsync(string hostname, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/domains");
        request.Headers.Add("Idempotency-Key", $"local-fleet-{Guid.NewGuid():N}");
        request.Content = JsonContent.Create(new { hostname });
        return DomainView.Read(await SendAsync(request, cancellation));
    }

    /// <summary>All domains of this key's tenant, in the order of their registration.</summary>
    public async Task<IReadOnlyList<DomainView>> ListAsync(CancellationToken cancellation)
    {
        var all = new List<DomainView>();
        var cursor = "";
        while (true)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/domains?limit=200{cursor}");
            var page = await SendAsync(request, cancellation);
            all.AddRange(page.GetProperty("items").EnumerateArray().Select(DomainView.Read));
            if (!page.TryGetProperty("nextCursor", out var next) || next.GetString() is not { Length: > 0 } text)
            {
                return all;
            }

            cursor = "&cursor=" + Uri.EscapeDataString(text);
        }
    }

    public async Task DeleteAsync(string id, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, $"/v1/domains/{id}");
        request.Headers.Add("Idempotency-Key", $"local-fleet-{Guid.NewGuid():N}");
        await SendAsync(request, cancellation);
    }

    /// <returns>Null when there is no such domain.</returns>
    public async Task<DomainView?> FindAsync(string id, CancellationToken cancellation)
    {
        using var answer = await _http.GetAsync($"/v1/domains/{id}", cancellation);
        return answer.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Gone
            ? null
            : DomainView.Read(await ReadAsync(answer, cancellation));
    }

    /// <summary>Asks any route; the whole answer as JSON.</summary>
    public async Task<JsonElement> SendAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        using var answer = await _http.SendAsync(request, cancellation);
        return await ReadAsync(answer, cancellation);
    }

    /// <summary>How many nodes count for proofs.</summary>
    public async Task<int> CountServingNodesAsync(CancellationToken cancellation) =>
        (await NodesAsync("serving", cancellation)).Count;

    /// <summary>The ids of nodes that are refused for good.</summary>
    public Task<IReadOnlyList<string>> RetiredNodesAsync(CancellationToken cancellation) =>
        NodesAsync("retired", cancellation);

    private async Task<IReadOnlyList<string>> NodesAsync(string standing, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/nodes?limit=200");
        var page = await SendAsync(request, cancellation);
        return
        [
            .. page.GetProperty("items").EnumerateArray()
                .Where(node => string.Equals(
                    node.GetProperty("standing").GetString(), standing, StringComparison.OrdinalIgnoreCase))
                .Select(node => node.GetProperty("id").GetString()!),
        ];
    }

    public void Dispose() => _http.Dispose();

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        var text = await answer.Content.ReadAsStringAsync(cancellation);
        if (!answer.IsSuccessStatusCode)
        {
            // A problem (RFC 9457) says what to do; keys and codes are never in it.
            throw new FleetException(
                $"{answer.RequestMessage!.Method} {answer.RequestMessage.RequestUri!.PathAndQuery} answered "
                + $"{(int)answer.StatusCode}: {text}");
        }

        using var json = JsonDocument.Parse(text.Length == 0 ? "{}" : text);
        return json.RootElement.Clone();
    }
}
