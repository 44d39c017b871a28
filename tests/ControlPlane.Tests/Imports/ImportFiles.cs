using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.Imports.Working;
using ControlPlane.Tests.Http;
using Microsoft.Extensions.DependencyInjection;

namespace ControlPlane.Tests.Imports;

/// <summary>Sends files, and gives imports their turns, which no job does in these tests.</summary>
internal static class ImportFiles
{
    public static string Csv(IEnumerable<string> names) => "hostname\n" + string.Concat(names.Select(n => $"{n}\n"));

    public static Task<HttpResponseMessage> SendAsync(
        HttpClient client, string file, string type = "text/csv", string query = "", string? key = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, $"/v1/imports{query}")
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(file)),
        };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        // Whoever sends what may be too large asks first, and need not send it in vain.
        request.Headers.ExpectContinue = file.Length > 1_000_000;
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        return client.SendAsync(request);
    }

    /// <summary>Takes a file in and returns the import's id.</summary>
    public static async Task<Guid> TakeInAsync(HttpClient client, string file, string query = "")
    {
        var answer = await SendAsync(client, file, query: query);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.Accepted, text);
        var import = JsonNode.Parse(text)!;
        Assert.Equal($"/v1/imports/{import["id"]}", answer.Headers.Location!.OriginalString);
        return Guid.Parse(import["id"]!.ToString());
    }

    /// <returns>How many rows came to an outcome.</returns>
    public static async Task<int> TurnAsync(ApiFixture api, Guid import) => (await RunAsync(api, import)).Worked;

    public static Task<ImportTurnEnd> RunAsync(ApiFixture api, Guid import) =>
        api.Services.GetRequiredService<ImportTurn>().RunAsync(import, default);

    /// <summary>Works an import to its end and returns what it reads then.</summary>
    public static async Task<JsonNode> FinishAsync(ApiFixture api, HttpClient client, Guid import)
    {
        while (await RunAsync(api, import) is not { Worked: 0, Surprised: false })
        {
            // The next turn.
        }

        return await ReadAsync(client, import);
    }

    public static async Task<JsonNode> ReadAsync(HttpClient client, Guid import) =>
        await ApiFixture.ReadAsync(await client.GetAsync($"/v1/imports/{import}"));

    public static async Task<IReadOnlyList<JsonNode>> RowsAsync(HttpClient client, Guid import, string query = "")
    {
        var page = await ApiFixture.ReadAsync(await client.GetAsync($"/v1/imports/{import}/rows?limit=200{query}"));
        return [.. page["items"]!.AsArray().Select(row => row!)];
    }

    /// <summary>Counts as <c>registered/unchanged/refused/canceled/pending</c>.</summary>
    public static string Counts(JsonNode import) =>
        $"{import["registered"]}/{import["unchanged"]}/{import["refused"]}/{import["canceled"]}/{import["pending"]}";
}
