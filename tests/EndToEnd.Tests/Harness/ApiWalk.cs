using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace EndToEnd.Tests.Harness;

/// <summary>Reads everything that can be read over the API: each GET of its own OpenAPI document, for each thing there
/// is, with the key of each role.</summary>
internal static class ApiWalk
{
    /// <returns>Where it was read and what was answered, headers included.</returns>
    public static async Task<IReadOnlyList<(string Place, byte[] Answer)>> ReadAllAsync(
        TestFleet test, CancellationToken ct)
    {
        var answers = new List<(string, byte[])>();
        foreach (var (role, key) in await KeysAsync(test, ct))
        {
            using var http = new HttpClient
            {
                BaseAddress = new Uri(test.Fleet.ControlPlane.Url),
                Timeout = TimeSpan.FromSeconds(30),
            };
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
            var document = await http.GetByteArrayAsync("/openapi/v1.json", ct);
            answers.Add(($"{role} /openapi/v1.json", document));
            foreach (var path in await PathsAsync(test, document, ct))
            {
                using var answer = await http.GetAsync(path, ct);
                // Something may be closed to a role; nothing may break.
                Assert.True(
                    answer.StatusCode < HttpStatusCode.InternalServerError, $"{role} GET {path}: {answer.StatusCode}");
                answers.Add((
                    $"{role} GET {path} {(int)answer.StatusCode}",
                    [
                        .. Encoding.UTF8.GetBytes($"{answer.Headers}\n"),
                        .. await answer.Content.ReadAsByteArrayAsync(ct),
                    ]));
            }
        }

        return answers;
    }

    private static async Task<IReadOnlyList<(string Role, string Key)>> KeysAsync(
        TestFleet test, CancellationToken ct) =>
    [
        ("portal", (await File.ReadAllTextAsync(test.Fleet.Layout.PortalKey, ct)).Trim()),
        (
            "support",
            (await test.Fleet.ControlPlane.RunAsync(["keys", "create", "--role", "support", "--name", "walk"], ct))
                .Trim()),
        ("admin", (await File.ReadAllTextAsync(test.Fleet.Layout.AdminKey, ct)).Trim()),
    ];

    private static async Task<IReadOnlyList<string>> PathsAsync(TestFleet test, byte[] document, CancellationToken ct)
    {
        Task<IReadOnlyList<string>> IdsAsync(string table) =>
            DatabaseFacts.ReadAsync(test, $"SELECT id FROM {table}", row => row.GetGuid(0).ToString(), ct);
        var fillings = new Dictionary<string, IReadOnlyList<string>>
        {
            ["/v1/domains/{id}"] = await IdsAsync("domains"),
            ["/v1/nodes/{node}"] = await IdsAsync("nodes"),
            ["/v1/fleets/{fleet}"] = await IdsAsync("fleets"),
            ["/v1/tenants/{tenant}"] = await IdsAsync("tenants"),
            ["/v1/tenants/{tenant}/keys/{key}"] = await IdsAsync("api_keys"),
            ["/v1/webhooks/{id}"] = await IdsAsync("webhooks"),
            ["/v1/webhooks/{id}/deliveries/{delivery}"] = await IdsAsync("webhook_deliveries"),
            ["/v1/imports/{id}"] = await IdsAsync("imports"),
            ["/v1/campaigns/{id}"] = await IdsAsync("campaigns"),
            ["/v1/adoptions/{adoption}"] = await IdsAsync("adoptions"),
            ["/problems/{code}"] = ["not-found"],
            ["/reasons/{code}"] = ["dns-not-there"],
        };
        using var json = JsonDocument.Parse(document);
        var paths = new List<string>();
        foreach (var path in json.RootElement.GetProperty("paths").EnumerateObject()
            .Where(path => path.Value.TryGetProperty("get", out _)).Select(path => path.Name))
        {
            List<string> found = [path];
            foreach (var (template, values) in fillings
                .Where(entry => path.StartsWith(entry.Key, StringComparison.Ordinal)))
            {
                var parameter = template[(template.LastIndexOf('/') + 1)..];
                found =
                [
                    .. from one in found
                       from value in values
                       select one.Replace(parameter, value, StringComparison.Ordinal),
                ];
            }

            paths.AddRange(found);
        }

        Assert.DoesNotContain(paths, path => path.Contains('{', StringComparison.Ordinal));
        return paths;
    }
}
