using System.Net.Http.Json;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace EndToEnd.Tests.Harness;

/// <summary>What the sandbox CA, a stand-in for CertCentral, has on its books, and the switches of its
/// faults.</summary>
internal static class SandboxFacts
{
    // 10 s: on loopback an answer takes milliseconds, but two cores may be busy signing.
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(10) };

    public static async Task<JsonElement> StatsAsync(TestFleet test, CancellationToken ct) =>
        await Http.GetFromJsonAsync<JsonElement>($"{test.Fleet.Sandbox.Url}/sandbox/stats", ct);

    /// <summary>Orders that are neither canceled nor rejected nor revoked, by common name.</summary>
    public static async Task<IReadOnlyDictionary<string, int>> LiveByNameAsync(TestFleet test, CancellationToken ct) =>
        (await StatsAsync(test, ct)).GetProperty("orders").GetProperty("byCommonName").EnumerateObject()
            .ToDictionary(name => name.Name, name => name.Value.GetProperty("live").GetInt32());

    /// <summary>Names of orders that still wait for validation.</summary>
    public static async Task<IReadOnlyList<string>> PendingNamesAsync(TestFleet test, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Get,
            $"{test.Fleet.Sandbox.Url}/services/v2/order/certificate?limit=1000&filters[status]=pending");
        request.Headers.Add("X-DC-DEVKEY", test.Fleet.Sandbox.ApiKey);
        using var answer = await Http.SendAsync(request, ct);
        answer.EnsureSuccessStatusCode();
        var page = await answer.Content.ReadFromJsonAsync<JsonElement>(ct);
        return page.TryGetProperty("orders", out var orders)
            ? [.. orders.EnumerateArray()
                .Where(order => order.GetProperty("status").GetString() == "pending")
                .Select(order => order.GetProperty("certificate").GetProperty("common_name").GetString()!)]
            : [];
    }

    /// <summary>How many of these serials are on the CA's list of revoked certificates.</summary>
    public static async Task<int> RevokedAsync(TestFleet test, IEnumerable<string> serials, CancellationToken ct)
    {
        var list = CertificateRevocationListBuilder.Load(
            await Http.GetByteArrayAsync($"{test.Fleet.Sandbox.Url}/sandbox/revoked.crl", ct), out _);
        return serials.Count(serial => list.RemoveEntry(Convert.FromHexString(serial)));
    }

    /// <summary>Sets the named faults; the others stay as they are.</summary>
    public static async Task SetAsync(TestFleet test, object faults, CancellationToken ct)
    {
        using var answer = await Http.PatchAsJsonAsync($"{test.Fleet.Sandbox.Url}/sandbox/faults", faults, ct);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Lets the sandbox's clock jump: its polling and its delays, not its certificates' dates.</summary>
    public static async Task AdvanceClockAsync(TestFleet test, string by, CancellationToken ct)
    {
        using var answer = await Http.PostAsJsonAsync(
            $"{test.Fleet.Sandbox.Url}/sandbox/clock", new { advance = by }, ct);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>How often a fault has happened since the sandbox started.</summary>
    public static async Task<int> FiredAsync(TestFleet test, string fault, CancellationToken ct) =>
        (await Http.GetFromJsonAsync<JsonElement>($"{test.Fleet.Sandbox.Url}/sandbox/faults", ct))
            .GetProperty(fault).GetProperty("fired").GetInt32();
}
