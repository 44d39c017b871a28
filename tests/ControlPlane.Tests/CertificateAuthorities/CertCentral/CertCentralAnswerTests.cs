using ControlPlane.CertificateAuthorities;

namespace ControlPlane.Tests.CertificateAuthorities.CertCentral;

/// <summary>One test for each fact about the CA's answers that the path relies on.</summary>
public sealed class CertCentralAnswerTests
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    [Theory]
    [InlineData(
        """{ "id": 61, "certificate_id": 83, "dcv_random_value": "abc", "requests": [ { "id": 72 } ] }""",
        "61 83 abc")]
    [InlineData(
        """{ "id": "61", "certificate_id": "83", "dcv_random_value": "abc", "of_tomorrow": { "x": [] } }""",
        "61 83 abc")]
    [InlineData("""{ "id": 61, "requests": { "id": 72 } }""", "61 - -")]
    [InlineData("""{ "id": 61, "certificate_id": 0, "requests": null, "dcv_random_value": "" }""", "61 - -")]
    [InlineData(
        """{ "id": 61, "domains": [ { "dcv_token": { "token": "tok", "expiration_date": "2026-05-01" } } ] }""",
        "61 - tok")]
    [InlineData("\uFEFF{ \"id\": 61 }\n", "61 - -")]
    public async Task An_order_is_named_and_its_token_found_wherever_it_stands(string body, string expected)
    {
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Json(201, body));

        var placed = await bench.PlaceAsync();

        Assert.Equal(expected, $"{placed.CaOrderId} {placed.CaCertificateId ?? "-"} {placed.Token?.Value ?? "-"}");
    }

    [Theory]
    [InlineData("-----BEGIN CERTIFICATE REQUEST-----\\nMAA=\\n-----END CERTIFICATE REQUEST-----\\n", "3000")]
    [InlineData("no PEM", null)]
    public async Task An_order_tells_what_a_lost_reissue_is_recognised_by(string csr, string? der)
    {
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Json(200,
            $$"""
            { "id": 7, "status": "reissue_pending", "order_valid_till": "2027-04-01", "reissues_count": 3,
              "certificate": { "id": 83, "csr": "{{csr}}" }, "requests": [ { "id": 72 }, { "id": "73" } ] }
            """));

        var told = await bench.Authority.ReadAsync("7", Ct);

        Assert.Equal(("83", 3), (told.CaCertificateId, told.Reissues));
        Assert.Equal(["72", "73"], told.RequestIds);
        Assert.Equal(new DateTimeOffset(2027, 4, 1, 0, 0, 0, TimeSpan.Zero), told.ValidUntil);
        Assert.Equal(der, told.Csr is null ? null : Convert.ToHexString(told.Csr));
    }

    [Theory]
    [InlineData("pending", "Pending")]
    [InlineData("needs_approval", "Pending")]
    [InlineData("waiting_pickup", "Pending")]
    [InlineData("processing", "Pending")]
    [InlineData("reissue_pending", "Pending")]
    [InlineData("needs_csr", "Pending")]
    [InlineData("issued", "Issued")]
    [InlineData("revoked", "Closed")]
    [InlineData("rejected", "Closed")]
    [InlineData("canceled", "Closed")]
    [InlineData("CANCELED", "Closed")]
    [InlineData("expired", "Closed")]
    [InlineData("a_word_of_tomorrow", "Unknown")]
    [InlineData("", "Unknown")]
    public async Task Each_status_word_has_one_meaning_and_a_new_one_is_unknown(string word, string meaning)
    {
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Json(200,
            $$"""{ "id": 7, "status": "{{word}}", "certificate": { "id": 83, "serial_number": "0A1B" } }"""));

        var order = await bench.Authority.ReadAsync("7", Ct);

        Assert.Equal(("7", "83", meaning, word, "0A1B"),
            (order.CaOrderId, order.CaCertificateId, order.Status.ToString(), order.StatusWord, order.Serial));
    }

    [Fact]
    public async Task An_order_without_a_status_is_unknown_and_not_closed()
    {
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Json(200, """{ "id": 7 }"""));

        Assert.Equal(CaOrderStatus.Unknown, (await bench.Authority.ReadAsync("7", Ct)).Status);
    }

    [Theory]
    [InlineData(
        200, """{ "orders": [ { "order_id": 100, "status": "pending" }, { "order_id": "99", "status": "issued" } ] }""",
        "99 100")]
    [InlineData(200, """{ "orders": [], "page": { "total": 0, "limit": 1000, "offset": 0 } }""", "")]
    [InlineData(200, "{}", "")]
    [InlineData(404, """{ "errors": [ { "code": "not_found|order", "message": "m" } ] }""", "")]
    public async Task A_look_up_lists_the_oldest_first_and_none_is_no_error(int status, string body, string ids)
    {
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Json(status, body));

        var found = await bench.Authority.FindAsync(Guid.NewGuid(), Ct);

        Assert.Equal(ids, string.Join(' ', found.Select(o => o.CaOrderId)));
    }

    [Theory]
    [InlineData("text/html", "<html>404</html>")]
    [InlineData("application/json", """{ "errors": [ { "code": "not_found|route", "message": "m" } ] }""")]
    [InlineData("application/json", "{}")]
    public async Task A_404_that_does_not_speak_of_the_order_never_means_that_there_is_none(string type, string body)
    {
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Text(404, type, body));

        await Assert.ThrowsAsync<CertificateAuthorityException>(() => bench.Authority.FindAsync(Guid.NewGuid(), Ct));
    }

    [Fact]
    public async Task Nothing_changed_is_an_empty_object()
    {
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Json(200, "{}"));

        Assert.Empty(await bench.Authority.ChangesAsync(TimeSpan.FromMinutes(10), Ct));
    }

    [Theory]
    [InlineData(90, "seconds=90")]
    [InlineData(0, "seconds=1")]
    [InlineData(99_999_999, "seconds=604800")]
    public async Task The_window_of_changes_stays_within_the_seven_days_that_the_ca_allows(int seconds, string query)
    {
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Json(200,
            """{ "orders": [ { "order_id": 61, "certificate_id": 83, "status": "issued" } ] }"""));

        var change = Assert.Single(await bench.Authority.ChangesAsync(TimeSpan.FromSeconds(seconds), Ct));

        Assert.Equal(("61", "83", CaOrderStatus.Issued), (change.CaOrderId, change.CaCertificateId, change.Status));
        Assert.EndsWith(query, Assert.Single(bench.Ca.Seen).Path);
    }

    [Theory]
    [InlineData(200,
        """{ "order_status": "issued", "certificate_id": 83, "dns_name_validations": [ { "status": "approved" } ] }""",
        "Issued", "83", true)]
    [InlineData(200, """{ "order_status": "issued" }""", "Issued", null, true)]
    [InlineData(200, """{ "order_status": "pending", "dcv_status": "valid" }""", "Pending", null, true)]
    [InlineData(200,
        """{ "order_status": "pending", "dns_name_validations": [ { "dns_name": "a", "status": "pending" } ] }""",
        "Pending", null, false)]
    [InlineData(400,
        """{ "errors": [ { "code": "file_random_value_not_found", "message": "m" } ] }""", "Pending", null, false)]
    public async Task A_missing_token_is_not_yet_and_no_error(
        int status, string body, string expected, string? certificate, bool seen)
    {
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Json(status, body));

        var check = await bench.Authority.CheckAsync("7", Ct);

        Assert.Equal((expected, certificate, seen), (check.Status.ToString(), check.CaCertificateId, check.TokenSeen));
    }

    [Fact]
    public async Task A_check_whose_answer_is_lost_may_simply_be_repeated()
    {
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Reset);

        var thrown = await Assert.ThrowsAsync<CertificateAuthorityException>(() => bench.Authority.CheckAsync("7", Ct));

        Assert.Equal(CaFailure.NotDone, thrown.Failure);
        Assert.Single(bench.Ca.Seen);
    }

    [Theory]
    [InlineData(
        """{ "dcv_random_value": "v", "expiration_date": "2026-05-01T17:02:11+00:00" }""", "2026-05-01T17:02:11")]
    [InlineData("""{ "dcv_random_value": "v", "expiration_date": "2026-05-01" }""", "2026-05-01T00:00:00")]
    [InlineData("""{ "dcv_random_value": "v", "expiration_date": "soon" }""", null)]
    [InlineData("""{ "dcv_random_value": "v" }""", null)]
    public async Task A_token_expires_when_the_ca_says_so_if_it_does(string body, string? expiry)
    {
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Json(200, body));

        var token = await bench.Authority.ReadTokenAsync("7", Ct);

        Assert.Equal(("v", expiry), (token!.Value, token.ExpiresAt?.UtcDateTime.ToString("s")));
    }

    [Fact]
    public async Task Flags_come_as_words_numbers_and_texts()
    {
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Json(200,
            """{ "id": 7, "is_renewed": false, "is_multi_year_plan": "1", "reissues_count": "2" }"""));

        var order = await bench.Client.GetOrderAsync("7", Ct);

        Assert.Equal((false, true, 2), (order.IsRenewed, order.IsMultiYearPlan, order.ReissuesCount));
    }

    [Theory]
    [InlineData(204, "")]
    [InlineData(404, """{ "errors": [ { "code": "not_found|order", "message": "m" } ] }""")]
    public async Task An_order_that_is_canceled_or_unknown_is_gone(int status, string body)
    {
        await using var bench = await CertCentralBench.StartAsync(
            status == 204 ? ScriptedCa.Empty(204) : ScriptedCa.Json(status, body));

        await bench.Authority.CancelAsync("7", "orphan", Ct);

        Assert.Single(bench.Ca.Seen);
    }

    [Theory]
    [InlineData("canceled", true)]
    [InlineData("issued", false)]
    public async Task A_refused_cancellation_is_judged_by_what_the_order_says(string status, bool gone)
    {
        await using var bench = await CertCentralBench.StartAsync(
            ScriptedCa.Error(400, "invalid_status"), ScriptedCa.Json(200, $$"""{ "id": 7, "status": "{{status}}" }"""));

        var thrown = await Record.ExceptionAsync(() => bench.Authority.CancelAsync("7", "orphan", Ct));

        Assert.Equal(gone, thrown is null);
        Assert.Equal(gone ? null : CaFailure.Refused, (thrown as CertificateAuthorityException)?.Failure);
    }
}
