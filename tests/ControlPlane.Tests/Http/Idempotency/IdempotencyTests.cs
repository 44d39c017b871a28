using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using Microsoft.EntityFrameworkCore;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.Http.Idempotency;

public sealed class IdempotencyTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task A_repeat_gets_the_first_answer()
    {
        var first = await PostAsync(api.Acme, "again.example.com", "key-1");
        var second = await PostAsync(api.Acme, "again.example.com", "key-1");
        Assert.Equal(HttpStatusCode.Created, second.StatusCode);
        Assert.Equal("true", second.Headers.GetValues("Idempotency-Replayed").Single());
        Assert.False(first.Headers.Contains("Idempotency-Replayed"));
        Assert.Equal(first.Headers.Location, second.Headers.Location);
        Assert.Equal(await first.Content.ReadAsStringAsync(), await second.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_refusal_is_repeated_too()
    {
        await ProblemAsync(await PostAsync(api.Acme, "Upper.example.com", "key-2"), 400, "hostname-upper-case");
        var again = await PostAsync(api.Acme, "Upper.example.com", "key-2");
        Assert.True(again.Headers.Contains("Idempotency-Replayed"));
        await ProblemAsync(again, 400, "hostname-upper-case");
    }

    [Fact]
    public async Task A_refusal_that_asks_to_come_back_is_not_kept()
    {
        var first = await PostAsync(api.Acme, "released.example.com", "key-release-1");
        Assert.True((await api.Acme.DeleteAsync(first.Headers.Location)).IsSuccessStatusCode);
        await ProblemAsync(
            await PostAsync(api.Acme, "released.example.com", "key-release-2"), 409, "hostname-being-released");

        var again = await PostAsync(api.Acme, "released.example.com", "key-release-2");

        Assert.False(again.Headers.Contains("Idempotency-Replayed"));
    }

    [Fact]
    public async Task The_same_key_with_another_request_is_refused()
    {
        await PostAsync(api.Acme, "one.example.com", "key-3");
        await ProblemAsync(await PostAsync(api.Acme, "two.example.com", "key-3"), 422, "idempotency-key-reused");
        Assert.Equal(HttpStatusCode.Created, (await PostAsync(api.Globex, "two.example.com", "key-3")).StatusCode);
    }

    [Fact]
    public async Task Of_parallel_repeats_one_registers_and_none_is_told_a_lie()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ =>
            PostAsync(api.Acme, "parallel.example.com", "key-4")));
        Assert.All(answers, answer => Assert.True(
            answer.StatusCode is HttpStatusCode.Created or HttpStatusCode.Conflict, $"{answer.StatusCode}"));
        Assert.Single(answers, answer =>
            answer.StatusCode == HttpStatusCode.Created && !answer.Headers.Contains("Idempotency-Replayed"));
        foreach (var early in answers.Where(answer => answer.StatusCode == HttpStatusCode.Conflict))
        {
            await ProblemAsync(early, 409, "idempotency-in-progress");
            Assert.NotNull(early.Headers.RetryAfter);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("with space")]
    [InlineData(
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        + "aaaaaaaaaaaaaaa")]
    public async Task A_key_of_the_wrong_shape_is_refused(string key) =>
        await ProblemAsync(await PostAsync(api.Acme, "shape.example.com", key), 400, "malformed-request");

    [Fact]
    public async Task A_caller_that_hung_up_finds_the_first_answer()
    {
        var address = api.Acme.BaseAddress!;
        using (var socket = new TcpClient(address.Host, address.Port))
        {
            const string body = """{"hostname":"lost-answer.example.com"}""";
            await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(
                $"POST /v1/domains HTTP/1.1\r\nHost: {address.Authority}\r\nContent-Type: application/json\r\n"
                + $"Authorization: {api.Acme.DefaultRequestHeaders.Authorization}\r\nIdempotency-Key: key-5\r\n"
                + $"Content-Length: {body.Length}\r\n\r\n{body}"));
        }

        // The server may not have read the request yet; whoever comes first registers, and both see one result.
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        HttpResponseMessage again;
        do
        {
            deadline.Token.ThrowIfCancellationRequested();
            again = await PostAsync(api.Acme, "lost-answer.example.com", "key-5");
        }
        while (again.StatusCode == HttpStatusCode.Conflict);

        Assert.Equal(HttpStatusCode.Created, again.StatusCode);
        await using var db = api.Open();
        var row = await db.Domains.SingleAsync(domain => domain.Hostname == "lost-answer.example.com");
        Assert.EndsWith(row.Id.ToString(), again.Headers.Location!.OriginalString, StringComparison.Ordinal);
    }

    private static Task<HttpResponseMessage> PostAsync(HttpClient client, string hostname, string key)
    {
        var request =
            new HttpRequestMessage(HttpMethod.Post, "/v1/domains") { Content = JsonContent.Create(new { hostname }) };
        request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        return client.SendAsync(request);
    }
}
