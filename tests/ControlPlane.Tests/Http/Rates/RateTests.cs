using System.Net;
using ControlPlane.Http.Access;
using ControlPlane.Http.Rates;
using ControlPlane.Tests.Nodes;
using Microsoft.Extensions.Options;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.Http.Rates;

/// <summary>Rates so low that a test exceeds them on any machine.</summary>
public sealed class LowRates(PostgresFixture server) : ApiFixture(server)
{
    protected override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>
    {
        ["Http:Rates:Portal:PerSecond"] = "1",
        ["Http:Rates:Portal:Burst"] = "5",
        ["Http:Rates:Node:PerSecond"] = "1",
        ["Http:Rates:Node:Burst"] = "5",
        ["Http:Rates:Anonymous:PerSecond"] = "1",
        ["Http:Rates:Anonymous:Burst"] = "10",
        ["Http:TrustedProxies:0"] = "127.0.0.1",
    };
}

/// <summary>Threat: exhaustion. A loop that runs away is turned away, and nobody else.</summary>
public sealed class RateTests(LowRates api) : IClassFixture<LowRates>
{
    /// <summary>Far more than any bucket here holds, and refilled more slowly than any machine asks.</summary>
    private const int Many = 500;

    [Fact]
    public async Task A_key_that_asks_too_often_is_told_when_to_come_back_and_no_other_key_is()
    {
        await KnownAsync(api.Acme);
        await KnownAsync(api.Globex);
        var refused = await UntilRefusedAsync(() => api.Acme.GetAsync("/v1/domains"));

        var problem = await ProblemAsync(refused, 429, "too-many-requests");
        Assert.Equal("customer", problem["waitingOn"]!.ToString());
        Assert.NotNull(refused.Headers.RetryAfter?.Delta);
        Assert.Equal("\"portal\";q=5;w=5", refused.Headers.GetValues("RateLimit-Policy").Single());
        Assert.StartsWith("\"portal\";r=0;", refused.Headers.GetValues("RateLimit").Single(), StringComparison.Ordinal);
        await Eventually.TrueAsync(
            async () => (await api.Globex.GetAsync("/v1/domains")).StatusCode == HttpStatusCode.OK,
            "the other tenant's key has a bucket of its own");
        await Eventually.TrueAsync(
            async () => (await api.Acme.GetAsync("/v1/domains")).StatusCode == HttpStatusCode.OK,
            "the key's tokens come back");
    }

    [Fact]
    public async Task A_keys_own_rate_goes_before_its_roles()
    {
        var (_, secret) = await api.AddKeyAsync(
            ApiRole.Portal, "acme", new CreateKey("bulk", RequestsPerSecond: 10_000));
        using var bulk = api.WithKey(secret);
        await KnownAsync(bulk);
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await bulk.GetAsync("/v1/domains")).StatusCode);
        }
    }

    [Fact]
    public async Task Who_guesses_keys_is_slowed_down_and_a_known_key_from_the_same_address_is_not()
    {
        await KnownAsync(api.Admin);
        var refused = await UntilRefusedAsync(async () =>
        {
            using var guess = api.WithKey(ApiKeySecret.Create(ApiRole.Admin).Reveal());
            return await guess.GetAsync("/v1/domains");
        });
        await ProblemAsync(refused, 429, "too-many-requests");
        Assert.Contains("anonymous", refused.Headers.GetValues("RateLimit-Policy").Single(), StringComparison.Ordinal);

        Assert.Equal(HttpStatusCode.OK, (await api.Admin.GetAsync("/v1/domains")).StatusCode);
        Assert.Contains(
            "controlplane_http_rate_refused_total{caller=\"anonymous\"}", await api.Admin.GetStringAsync("/metrics"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_that_was_good_and_is_revoked_is_counted_as_a_guess()
    {
        var (id, secret) = await api.AddKeyAsync(ApiRole.Support, null);
        using var key = api.WithKey(secret);
        await KnownAsync(key);
        await using (var db = api.Open())
        {
            Assert.Null(await KeyRotation.RevokeAsync(db, id, force: false, DateTimeOffset.UnixEpoch));
        }

        await ProblemAsync(
            await UntilRefusedAsync(() => key.GetAsync("/v1/domains")), 429, "too-many-requests");
    }

    [Fact]
    public async Task Behind_a_named_proxy_each_caller_has_an_address_of_its_own()
    {
        await UntilRefusedAsync(() => FromAsync("192.0.2.7"));
        Assert.Equal(HttpStatusCode.OK, (await FromAsync("192.0.2.8")).StatusCode);
    }

    [Theory]
    [InlineData("2001:db8::1", "2001:db8::ffff:1", true)]
    [InlineData("2001:db8::1", "2001:db8:0:1::1", false)]
    [InlineData("192.0.2.7", "::ffff:192.0.2.7", true)]
    [InlineData("192.0.2.7", "192.0.2.8", false)]
    public void An_address_is_what_one_caller_can_have(string one, string other, bool same)
    {
        using var rates = new RequestRates(Options.Create(new RateOptions()));
        Assert.Equal(same, rates.OfAddress(IPAddress.Parse(one)) == rates.OfAddress(IPAddress.Parse(other)));
    }

    [Fact]
    public async Task A_node_is_counted_for_itself()
    {
        await KnownAsync(api.Admin);
        TestNode? node = null;
        await Eventually.TrueAsync(
            async () => (node = await TryEnrolAsync()) is not null, "an address that asked too often may enrol later");
        await Eventually.TrueAsync(
            async () => (await PollAsync(node!)).StatusCode == HttpStatusCode.OK, "the node is known");
        var refused = await UntilRefusedAsync(() => PollAsync(node!));
        await ProblemAsync(refused, 429, "too-many-requests");
        Assert.Contains("\"node\"", refused.Headers.GetValues("RateLimit-Policy").Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_watches_the_program_is_always_answered()
    {
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await api.Anonymous.GetAsync("/healthz")).StatusCode);
            Assert.NotEqual(HttpStatusCode.TooManyRequests, (await api.Anonymous.GetAsync("/readyz")).StatusCode);
        }
    }

    private async Task<HttpResponseMessage> FromAsync(string address)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/problems");
        request.Headers.Add("X-Forwarded-For", address);
        return await api.Anonymous.SendAsync(request);
    }

    private static Task<HttpResponseMessage> PollAsync(TestNode node) =>
        node.SendAsync("GET", "/v1/desired-state?wait=0");

    private async Task<TestNode?> TryEnrolAsync()
    {
        try
        {
            return await api.EnrolAsync($"n{Guid.NewGuid():N}"[..20]);
        }
        catch (HttpRequestException early) when (early.StatusCode == HttpStatusCode.TooManyRequests)
        {
            return null;
        }
    }

    /// <summary>Uses a key until this replica knows it: a first use is counted with the address.</summary>
    private static Task KnownAsync(HttpClient client) => Eventually.TrueAsync(
        async () => (await client.GetAsync("/v1/domains")).StatusCode == HttpStatusCode.OK, "the key is known");

    private static async Task<HttpResponseMessage> UntilRefusedAsync(Func<Task<HttpResponseMessage>> send)
    {
        for (var i = 0; i < Many; i++)
        {
            var answer = await send();
            if (answer.StatusCode == HttpStatusCode.TooManyRequests)
            {
                return answer;
            }
        }

        throw new InvalidOperationException($"{Many} requests were all admitted.");
    }
}
