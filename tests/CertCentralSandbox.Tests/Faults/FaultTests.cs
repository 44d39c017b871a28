using CertCentralSandbox.Faults;
using CertCentralSandbox.Tests.Harness;

namespace CertCentralSandbox.Tests.Faults;

public sealed class FaultTests
{
    private const string Name = "shop.faulty.test";

    [Fact]
    public async Task Every_fault_is_shown_with_documentation_default_and_setting()
    {
        await using var sandbox = await Sandbox.StartAsync();

        var shown = (await sandbox.GetAsync("/sandbox/faults")).Json.EnumerateObject().ToList();

        Assert.Equal(Enum.GetValues<Fault>().Length, shown.Count);
        Assert.All(shown, f =>
        {
            Assert.NotEmpty(f.Value.GetProperty("about").GetString()!);
            Assert.False(f.Value.GetProperty("default").GetProperty("on").GetBoolean());
            Assert.False(f.Value.GetProperty("now").GetProperty("on").GetBoolean());
        });
    }

    [Theory]
    [InlineData("{\"noSuchFault\":{}}")]
    [InlineData("{\"slowIssue\":{\"seconds\":5}}")]
    [InlineData("[]")]
    [InlineData("{")]
    public async Task A_setting_that_is_not_understood_is_refused_and_changes_nothing(string body)
    {
        await using var sandbox = await Sandbox.StartAsync();
        using var client = sandbox.ClientWithKey("none");
        using var content = new StringContent(body);
        using var answer = await client.PatchAsync("/sandbox/faults", content);

        Assert.Equal(System.Net.HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task PATCH_keeps_other_faults_PUT_resets_them_DELETE_resets_all()
    {
        await using var sandbox = await Sandbox.StartAsync();
        await sandbox.FaultAsync("slowIssue", new { value = 7 });
        await sandbox.FaultAsync("stuckPending", true);
        Assert.Equal((true, 7), await SlowIssueAsync(await sandbox.GetAsync("/sandbox/faults")));

        Assert.Equal((false, 30), await SlowIssueAsync(
            await sandbox.PutAsync("/sandbox/faults", new Dictionary<string, object> { ["stuckPending"] = true })));
        var cleared = await sandbox.CallAsync(HttpMethod.Delete, "/sandbox/faults");
        Assert.All(cleared.Json.EnumerateObject(), f =>
            Assert.False(f.Value.GetProperty("now").GetProperty("on").GetBoolean()));

        static Task<(bool On, int Value)> SlowIssueAsync(Answer answer)
        {
            var now = answer["slowIssue"].GetProperty("now");
            return Task.FromResult((now.GetProperty("on").GetBoolean(), now.GetProperty("value").GetInt32()));
        }
    }

    [Fact]
    public async Task A_fault_can_be_limited_to_a_count_and_a_hostname_suffix()
    {
        await using var sandbox = await Sandbox.StartAsync();
        await sandbox.FaultAsync("errorAfterCommit", new { count = 1, hostnameSuffix = ".faulty.test" });

        Assert.Equal(201, (await PlaceAsync(sandbox, "shop.healthy.test")).Status);
        Assert.Equal(500, (await PlaceAsync(sandbox, Name)).Status);
        Assert.Equal(201, (await PlaceAsync(sandbox, "shop2.faulty.test")).Status);
    }

    [Fact]
    public async Task LostAnswer_keeps_the_order_and_cuts_the_connection()
    {
        await using var sandbox = await Sandbox.StartAsync();
        await sandbox.FaultAsync("lostAnswer", new { count = 1 });

        await Assert.ThrowsAsync<HttpRequestException>(() => PlaceAsync(sandbox, Name));

        var found = await sandbox.GetAsync("order/alternate/alt-" + Name);
        Assert.Equal("pending", Assert.Single(found["orders"].EnumerateArray()).GetProperty("status").GetString());
        var placed = (await sandbox.StatsAsync()).GetProperty("calls").GetProperty("POST /order/certificate/{product}");
        Assert.Equal(1, placed.GetProperty("lost").GetInt32());
    }

    [Fact]
    public async Task LostAnswer_can_be_put_on_another_route()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (id, _) = await sandbox.IssueAsync(Name);
        await sandbox.FaultAsync("lostAnswer", new { route = "/reissue" });

        await Assert.ThrowsAsync<HttpRequestException>(() =>
            sandbox.PostAsync($"order/certificate/{id}/reissue", Buying.Ask(Name)));

        Assert.Equal("reissue_pending", await sandbox.StatusOfAsync(id));
    }

    [Fact]
    public async Task SlowIssue_validates_now_and_issues_when_the_time_has_come()
    {
        await using var sandbox = await Sandbox.StartAsync();
        await sandbox.FaultAsync("slowIssue", new { value = 20 });
        var id = await CheckedAsync(sandbox, 200, "pending");

        await sandbox.PostAsync("/sandbox/clock", new { advance = "20s" });

        await Sandbox.UntilAsync(async () => await sandbox.StatusOfAsync(id) == "issued");
    }

    [Fact]
    public async Task StuckPending_never_issues()
    {
        await using var sandbox = await Sandbox.StartAsync();
        await sandbox.FaultAsync("stuckPending", true);
        var id = await CheckedAsync(sandbox, 200, "pending");

        await sandbox.PostAsync("/sandbox/clock", new { advance = "5d" });

        Assert.Equal("pending", (await sandbox.PutAsync($"order/certificate/{id}/check-dcv")).String("order_status"));
    }

    [Fact]
    public async Task LateSelfIssue_denies_the_token_and_issues_later()
    {
        await using var sandbox = await Sandbox.StartAsync();
        await sandbox.FaultAsync("lateSelfIssue", new { value = 60 });
        var id = await CheckedAsync(sandbox, 400, null);
        sandbox.Web.Withdraw(Name);

        await sandbox.PostAsync("/sandbox/clock", new { advance = "60s" });

        await Sandbox.UntilAsync(async () => await sandbox.StatusOfAsync(id) == "issued");
    }

    [Fact]
    public async Task WrongPem_gives_the_right_names_and_another_key()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (_, certificateId) = await sandbox.IssueAsync(Name);
        await sandbox.FaultAsync("wrongPem", new { count = 1 });

        var wrong = (await sandbox.DownloadAsync(certificateId))[0];
        var right = (await sandbox.DownloadAsync(certificateId))[0];

        Assert.True(wrong.MatchesHostname(Name));
        Assert.NotEqual(right.PublicKey.ExportSubjectPublicKeyInfo(), wrong.PublicKey.ExportSubjectPublicKeyInfo());
    }

    [Fact]
    public async Task OversizedChain_exceeds_its_bytes()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (_, certificateId) = await sandbox.IssueAsync(Name);
        await sandbox.FaultAsync("oversizedChain", true);

        var answer = await sandbox.GetAsync($"certificate/{certificateId}/download/format/pem_noroot");

        Assert.InRange(answer.Body.Length, 20_000, 25_000);
    }

    [Theory]
    [InlineData("maintenance", 503)]
    [InlineData("rateLimitBurst", 429)]
    public async Task A_refusal_lasts_as_many_calls_as_were_counted(string fault, int status)
    {
        await using var sandbox = await Sandbox.StartAsync();
        await sandbox.FaultAsync(fault, new { count = 2 });

        Assert.Equal(status, (await sandbox.GetAsync("user/me")).Status);
        Assert.Equal(status, (await sandbox.GetAsync("user/me")).Status);
        Assert.Equal(200, (await sandbox.GetAsync("user/me")).Status);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(3, true)]
    public async Task RateLimitBurst_has_RetryAfter_only_when_told_to(int seconds, bool present)
    {
        await using var sandbox = await Sandbox.StartAsync();
        await sandbox.FaultAsync("rateLimitBurst", new { value = seconds });

        var answer = await sandbox.GetAsync("user/me");

        Assert.Equal((429, "request_limit_exceeded", present), (answer.Status, answer.Code, answer.HasRetryAfter));
    }

    [Fact]
    public async Task Error_bodies_can_be_HTML_or_a_single_object()
    {
        await using var sandbox = await Sandbox.StartAsync();
        await sandbox.FaultAsync("maintenance", new { count = 1 });
        await sandbox.FaultAsync("htmlErrors", true);
        await sandbox.FaultAsync("errorsAsObject", true);

        Assert.Equal("text/html", (await sandbox.GetAsync("user/me")).Type);
        var errors = (await sandbox.GetAsync("order/certificate/1"))["errors"];
        Assert.Equal("not_found|order", errors.GetProperty("code").GetString());
    }

    [Theory]
    [InlineData(1, 200)]
    [InlineData(2, 400)]
    public async Task FailingPerspectives_may_be_one_of_four_and_not_two(int failing, int status)
    {
        await using var sandbox = await Sandbox.StartAsync();
        await sandbox.FaultAsync("failingPerspectives", new { value = failing });
        await CheckedAsync(sandbox, status, status == 200 ? "issued" : null);
    }

    [Fact]
    public async Task FlappingToken_is_missed_and_then_seen()
    {
        await using var sandbox = await Sandbox.StartAsync();
        await sandbox.FaultAsync("flappingToken", new { count = 1, probability = 1 });
        var id = await CheckedAsync(sandbox, 400, null);

        Assert.Equal("issued", (await sandbox.PutAsync($"order/certificate/{id}/check-dcv")).String("order_status"));
    }

    [Fact]
    public async Task EmptyStatusChanges_and_UnknownStatus_spoil_what_a_poller_reads()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (id, _, _) = await sandbox.OrderAsync(Name);
        await sandbox.FaultAsync("emptyStatusChanges", new { count = 1 });
        await sandbox.FaultAsync("unknownStatus", new { count = 1 });

        Assert.Empty((await sandbox.GetAsync("order/certificate/status-changes?minutes=10")).Json.EnumerateObject());
        Assert.Equal("awaiting_review", await sandbox.StatusOfAsync(id));
        Assert.Equal("pending", await sandbox.StatusOfAsync(id));
    }

    [Fact]
    public async Task DuplicateAlternativeIds_makes_two_live_orders_of_one_POST()
    {
        await using var sandbox = await Sandbox.StartAsync();
        await sandbox.FaultAsync("duplicateAlternativeIds", new { count = 1 });
        var (id, _, _) = await sandbox.OrderAsync(Name);

        var found = await sandbox.GetAsync("order/alternate/alt-" + Name);

        Assert.Equal(2, found["page"].GetProperty("total").GetInt32());
        Assert.Equal(id, found["orders"][0].GetProperty("order_id").GetInt64());
    }

    [Fact]
    public async Task AlternateLag_hides_a_young_order_and_AlternateEmptyList_changes_the_answer()
    {
        await using var sandbox = await Sandbox.StartAsync();
        await sandbox.OrderAsync(Name);
        await sandbox.FaultAsync("alternateLag", new { value = 3600 });

        Assert.Equal(404, (await sandbox.GetAsync("order/alternate/alt-" + Name)).Status);
        await sandbox.FaultAsync("alternateEmptyList", true);
        var empty = await sandbox.GetAsync("order/alternate/alt-" + Name);
        Assert.Equal((200, 0), (empty.Status, empty["orders"].GetArrayLength()));
    }

    [Theory]
    [InlineData("badKeyIs401", 401)]
    [InlineData(null, 403)]
    public async Task A_bad_key_is_refused(string? fault, int status)
    {
        await using var sandbox = await Sandbox.StartAsync();
        if (fault is not null)
        {
            await sandbox.FaultAsync(fault, true);
        }

        using var client = sandbox.ClientWithKey("wrong");
        using var answer = await client.GetAsync("/services/v2/user/me");

        Assert.Equal(status, (int)answer.StatusCode);
        var body = await answer.Content.ReadAsStringAsync();
        Assert.Contains("access_denied_invalid_key", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_guesses_about_CertCentral_can_be_turned_round()
    {
        await using var sandbox = await Sandbox.StartAsync();
        await sandbox.FaultAsync("tokenMayBeContained", true);
        await sandbox.FaultAsync("validityRefused", true);
        await sandbox.FaultAsync("canceledCheckIs404", true);

        var (id, _, token) = await sandbox.OrderAsync(Name);
        sandbox.Prove($"first\n{token}\nlast", Name);
        Assert.Equal(200, (await sandbox.PutAsync($"order/certificate/{id}/check-dcv")).Status);
        var refused = await sandbox.PostAsync(
            "order/certificate/ssl_dv_geotrust",
            Buying.Ask(Name).WithCertificate("cert_validity", new { days = 300 }));
        Assert.Equal("invalid_cert_validity", refused.Code);
        var (canceled, _, _) = await sandbox.OrderAsync(Name);
        await sandbox.PutAsync($"order/certificate/{canceled}/status", new { status = "canceled", note = "test" });
        Assert.Equal(404, (await sandbox.PutAsync($"order/certificate/{canceled}/check-dcv")).Status);
    }

    private static Task<Answer> PlaceAsync(Sandbox sandbox, string name) =>
        sandbox.PostAsync("order/certificate/ssl_dv_geotrust", Buying.Ask(name));

    private static async Task<long> CheckedAsync(Sandbox sandbox, int status, string? orderStatus)
    {
        var (id, _, token) = await sandbox.OrderAsync(Name);
        sandbox.Prove(token, Name);
        var answer = await sandbox.PutAsync($"order/certificate/{id}/check-dcv");
        Assert.Equal(status, answer.Status);
        if (orderStatus is not null)
        {
            Assert.Equal(orderStatus, answer.String("order_status"));
        }

        return id;
    }
}
