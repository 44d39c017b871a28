using System.Net;
using System.Net.Sockets;
using ControlPlane.CertificateAuthorities;
using ControlPlane.CertificateAuthorities.CertCentral;
using Microsoft.AspNetCore.Http;

namespace ControlPlane.Tests.CertificateAuthorities.CertCentral;

/// <summary>
/// What each way of failing lets the path conclude. An order is the call that must not be repeated in the dark.
/// </summary>
public sealed class CertCentralFailureTests
{
    private static readonly Dictionary<string, RequestDelegate> Ways = new()
    {
        ["429 with a code"] = ScriptedCa.Error(429, "request_limit_exceeded"),
        ["429 without a body"] = ScriptedCa.Empty(429),
        ["the limit's code under another status"] = ScriptedCa.Error(403, "request_limit_exceeded"),
        ["408"] = ScriptedCa.Empty(408),
        ["500 HTML"] = ScriptedCa.Text(500, "text/html", "<html>Oops</html>"),
        ["502 empty"] = ScriptedCa.Empty(502),
        ["503"] = ScriptedCa.Error(503, "service_unavailable"),
        ["reset after the body was read"] = ScriptedCa.Reset,
        ["answer cut off"] = ScriptedCa.CutOff,
        ["201 HTML"] = ScriptedCa.Text(201, "text/html", "<html>Thank you</html>"),
        ["201 empty"] = ScriptedCa.Empty(201),
        ["201 without an id"] = ScriptedCa.Json(201, """{ "requests": [] }"""),
        ["302"] = ScriptedCa.With("Location", "/", ScriptedCa.Empty(302)),
        ["400"] = ScriptedCa.Error(400, "csr_invalid_cannot_parse"),
        ["400 HTML"] = ScriptedCa.Text(400, "text/html", "<html>Bad</html>"),
        ["404 product"] = ScriptedCa.Error(404, "not_found|product"),
        ["unknown code"] = ScriptedCa.Error(422, "a_code_of_tomorrow"),
        ["errors as an object"] = ScriptedCa.Json(400, """{ "errors": { "code": "caa_check_failed|x" } }"""),
        ["401"] = ScriptedCa.Empty(401),
        ["403 bad key"] = ScriptedCa.Error(403, "access_denied|access_denied_invalid_key"),
        ["403 missing right"] = ScriptedCa.Error(403, "access_denied|missing_permission"),
        ["500 bad key"] = ScriptedCa.Error(500, "access_denied_invalid_key"),
    };

    [Theory]
    [InlineData("429 with a code", "NoBudget", "request_limit_exceeded")]
    [InlineData("429 without a body", "NoBudget", null)]
    [InlineData("the limit's code under another status", "NoBudget", "request_limit_exceeded")]
    [InlineData("408", "NotDone", null)]
    [InlineData("500 HTML", "AnswerLost", null)]
    [InlineData("502 empty", "AnswerLost", null)]
    [InlineData("503", "AnswerLost", "service_unavailable")]
    [InlineData("reset after the body was read", "AnswerLost", null)]
    [InlineData("answer cut off", "AnswerLost", null)]
    [InlineData("201 HTML", "AnswerLost", null)]
    [InlineData("201 empty", "AnswerLost", null)]
    [InlineData("201 without an id", "AnswerLost", null)]
    [InlineData("302", "AnswerLost", null)]
    [InlineData("400", "Refused", "csr_invalid_cannot_parse")]
    [InlineData("400 HTML", "Refused", null)]
    [InlineData("404 product", "Refused", "not_found|product")]
    [InlineData("unknown code", "Refused", "a_code_of_tomorrow")]
    [InlineData("errors as an object", "Refused", "caa_check_failed|x")]
    [InlineData("401", "CredentialRefused", null)]
    [InlineData("403 bad key", "CredentialRefused", "access_denied|access_denied_invalid_key")]
    [InlineData("403 missing right", "CredentialRefused", "access_denied|missing_permission")]
    [InlineData("500 bad key", "CredentialRefused", "access_denied_invalid_key")]
    public async Task A_failed_order_is_sent_once_and_says_what_it_means(string way, string failure, string? code)
    {
        await using var bench = await CertCentralBench.StartAsync(Ways[way]);

        var thrown = await Assert.ThrowsAsync<CertificateAuthorityException>(bench.PlaceAsync);

        Assert.Equal((failure, code), (thrown.Failure.ToString(), thrown.Code));
        Assert.Single(bench.Ca.Seen);
    }

    [Fact]
    public async Task An_order_that_takes_too_long_is_lost_and_not_repeated()
    {
        await using var bench = await CertCentralBench.StartAsync(
            o => o with { HttpTimeout = TimeSpan.FromMilliseconds(300) }, ScriptedCa.Slow);

        var thrown = await Assert.ThrowsAsync<CertificateAuthorityException>(bench.PlaceAsync);

        Assert.Equal(CaFailure.AnswerLost, thrown.Failure);
        Assert.InRange(bench.Ca.Seen.Count, 0, 1);
        Assert.Equal(bench.Options.BudgetPatience + bench.Options.HttpTimeout, bench.Authority.PlaceOrderTimeout);
    }

    [Fact]
    public async Task An_order_on_a_reused_connection_is_not_repeated_by_the_http_stack()
    {
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Json(200, "{}"), ScriptedCa.Reset);
        await bench.Client.GetMeAsync(CancellationToken.None);

        var thrown = await Assert.ThrowsAsync<CertificateAuthorityException>(bench.PlaceAsync);

        Assert.Equal(CaFailure.AnswerLost, thrown.Failure);
        Assert.Equal(2, bench.Ca.Seen.Count);
        Assert.Single(bench.Ca.Seen.Select(c => c.Connection).Distinct());
    }

    [Fact]
    public async Task Without_a_connection_nothing_was_done()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        await using var bench = await CertCentralBench.StartAsync(
            o => o with { BaseUrl = new Uri($"http://127.0.0.1:{port}/services/v2") });

        var thrown = await Assert.ThrowsAsync<CertificateAuthorityException>(bench.PlaceAsync);

        Assert.Equal(CaFailure.NotDone, thrown.Failure);
        Assert.Equal(["POST order/certificate/{id} not_sent 1"], bench.Counted);
    }

    [Theory]
    [InlineData("500 HTML", 3)]
    [InlineData("503", 3)]
    [InlineData("408", 3)]
    [InlineData("reset after the body was read", 3)]
    [InlineData("201 HTML", 3)]
    [InlineData("429 with a code", 1)]
    [InlineData("404 product", 1)]
    [InlineData("500 bad key", 1)]
    public async Task A_read_is_repeated_by_its_schedule_when_that_can_help(string way, int calls)
    {
        await using var bench = await CertCentralBench.StartAsync(Ways[way]);

        var thrown = await Assert.ThrowsAsync<CertCentralException>(() => bench.Client.GetOrderAsync("7", default));

        Assert.Equal(calls, bench.Ca.Seen.Count);
        Assert.Equal(calls, bench.Budget.Reserved.Count);
        Assert.False(thrown.AnswerLost);
    }

    [Fact]
    public async Task A_read_that_succeeds_on_its_second_try_succeeds()
    {
        await using var bench = await CertCentralBench.StartAsync(
            ScriptedCa.Reset, ScriptedCa.Json(200, """{ "id": 7, "status": "issued" }"""));

        var order = await bench.Authority.ReadAsync("7", default);

        Assert.Equal(CaOrderStatus.Issued, order.Status);
    }

    [Fact]
    public async Task A_read_has_one_limit_for_all_its_tries()
    {
        await using var bench = await CertCentralBench.StartAsync(
            o => o with
            {
                HttpTimeout = TimeSpan.FromMilliseconds(200),
                BudgetPatience = TimeSpan.FromMilliseconds(100),
                ReadRetryWaits = [TimeSpan.FromHours(1)],
            },
            ScriptedCa.Slow);

        var thrown = await Assert.ThrowsAsync<CertificateAuthorityException>(
            () => bench.Authority.ReadAsync("7", default));

        Assert.Equal(CaFailure.NotDone, thrown.Failure);
    }

    [Theory]
    [InlineData("17", 17.0)]
    [InlineData(null, null)]
    [InlineData("rubbish", null)]
    // A stranger's word: 68 years, and the last second there is.
    [InlineData("2147483647", 3600.0)]
    [InlineData("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0)]
    public async Task A_429_pauses_the_shared_budget_for_as_long_as_is_asked_in_reason(string? header, double? seconds)
    {
        var limited = ScriptedCa.Error(429, "request_limit_exceeded");
        await using var bench = await CertCentralBench.StartAsync(
            header is null ? limited : ScriptedCa.With("Retry-After", header, limited));

        var thrown = await Assert.ThrowsAsync<CertificateAuthorityException>(bench.PlaceAsync);

        TimeSpan? expected = seconds is { } s ? TimeSpan.FromSeconds(s) : null;
        Assert.Equal(expected, thrown.RetryAfter);
        Assert.Equal([expected], bench.Budget.Pauses);
    }

    [Fact]
    public async Task No_failure_shows_the_key()
    {
        foreach (var way in Ways.Values)
        {
            await using var bench = await CertCentralBench.StartAsync(way);

            var thrown = await Assert.ThrowsAsync<CertificateAuthorityException>(bench.PlaceAsync);

            Assert.DoesNotContain(CertCentralBench.Key, thrown.ToString());
            Assert.DoesNotContain(CertCentralBench.Key, string.Concat(bench.Log.Lines) + bench.Options);
        }
    }

    [Fact]
    public async Task The_callers_own_cancellation_is_no_failure_of_the_ca()
    {
        await using var bench = await CertCentralBench.StartAsync(ScriptedCa.Slow);
        using var canceled = new CancellationTokenSource();
        var call = bench.Client.GetMeAsync(canceled.Token);

        await canceled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
    }
}
