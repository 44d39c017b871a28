using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Text.Json;
using ControlPlane.CertificateAuthorities;
using ControlPlane.CertificateAuthorities.Acme;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using ControlPlane.Tests.Domains;
using ControlPlane.Vault;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.CertificateAuthorities.Acme;

/// <summary>What pebble never says.</summary>
public sealed class AcmeAuthorityTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_refused_nonce_is_replaced_by_the_one_the_refusal_brings_and_not_for_ever()
    {
        await using var set = await Set.StartAsync(database);
        set.Ca.On(
            "/order", ScriptedAcme.Problem(400, "badNonce"), ScriptedAcme.Problem(400, "badNonce"),
            set.Ca.Made("/order/1", "{}"));

        Assert.Equal(set.Ca.Base + "/order/1", (await set.PlaceAsync()).CaOrderId);
        Assert.Equal((3, 1), (set.Ca.Count("/order"), set.Ca.Count("/nonce")));

        set.Ca.On("/order", ScriptedAcme.Problem(400, "badNonce"));
        Assert.Equal(CaFailure.NotDone, (await set.FaultAsync(set.PlaceAsync)).Failure);
        Assert.Equal(3 + 6, set.Ca.Count("/order"));
    }

    [Fact]
    public async Task An_order_whose_answer_was_lost_is_not_sent_twice_and_counts_as_not_placed()
    {
        await using var set = await Set.StartAsync(database);
        set.Ca.On("/order", ScriptedAcme.Reset);

        var fault = await set.FaultAsync(set.PlaceAsync);

        Assert.Equal((CaFailure.NotDone, 1), (fault.Failure, set.Ca.Count("/order")));
        Assert.Single(set.Bench.Orders.Reserved);
    }

    [Fact]
    public async Task A_revocation_leaves_new_domains_their_part_of_the_calls()
    {
        await using var set = await Set.StartAsync(database);
        set.Ca.On("/revoke", ScriptedAcme.Json(200, "{}"));

        await set.Bench.Authority.RevokeAsync(new Revocation([0x30, 0], RevocationReason.Superseded, "x"), Ct);

        Assert.Equal(CallPriority.Renewal, set.Bench.Calls.Reserved.Last());
        Assert.Equal(1, set.Ca.Count("/revoke"));
    }

    [Fact]
    public async Task A_read_is_repeated_and_its_wait_told()
    {
        await using var set = await Set.StartAsync(database);
        set.Ca.On(
            "/order/1", ScriptedAcme.Reset, ScriptedAcme.Problem(500, "serverInternal"),
            ScriptedAcme.Json(200, set.Ca.Order("processing"), retryAfter: "7"));

        var order = await set.Bench.Authority.ReadAsync(set.Order, Ct);

        Assert.Equal((CaOrderStatus.Pending, "processing"), (order.Status, order.StatusWord));
        Assert.Equal(TimeSpan.FromSeconds(7), order.AskAgainAfter);
    }

    [Fact]
    public async Task The_quota_of_one_name_holds_up_no_other()
    {
        await using var set = await Set.StartAsync(database);
        set.Ca.On("/order", ScriptedAcme.Problem(429, "rateLimited", retryAfter: "7200"));
        set.Ca.On("/order/1", ScriptedAcme.Problem(429, "rateLimited", retryAfter: "7200"));

        var placed = await set.FaultAsync(set.PlaceAsync);
        Assert.Equal((CaFailure.NoBudget, TimeSpan.FromHours(2)), (placed.Failure, placed.RetryAfter));
        Assert.Empty(set.Bench.Calls.Pauses);

        await set.FaultAsync(() => set.Bench.Authority.ReadAsync(set.Order, Ct));
        Assert.Equal([TimeSpan.FromMinutes(1)], set.Bench.Calls.Pauses);
    }

    [Fact]
    public async Task An_order_that_finds_no_room_in_its_hour_keeps_no_worker_waiting()
    {
        await using var set = await Set.StartAsync(database);
        set.Bench.Orders.Grant = ct => new TaskCompletionSource().Task.WaitAsync(ct);
        var watch = Stopwatch.StartNew();

        var fault = await set.FaultAsync(set.PlaceAsync);

        Assert.Equal((CaFailure.NoBudget, TimeSpan.FromMinutes(1)), (fault.Failure, fault.RetryAfter));
        Assert.True(watch.Elapsed < set.Bench.Options.BudgetPatience / 2, $"It took {watch.Elapsed}.");
        Assert.Equal(0, set.Ca.Count("/order"));
    }

    [Theory]
    [InlineData("""{"status":"ready","finalize":"/finalize/1"}""")]
    [InlineData("""{"status":"pending","authorizations":["/authz/1"]}""")]
    [InlineData("""{"status":"pending","authorizations":[null]}""")]
    public async Task An_address_that_is_none_is_no_answer(string order)
    {
        await using var set = await Set.StartAsync(database);
        set.Ca.On("/order/1", ScriptedAcme.Json(200, order));

        var fault = await set.FaultAsync(async () =>
        {
            await set.Bench.Authority.CheckAsync(set.Order, Ct);
            await set.Bench.Authority.IssueAsync(set.Order, [0x30, 0], Ct);
        });

        Assert.Equal(CaFailure.NotDone, fault.Failure);
    }

    /// <summary>Its signed calls would reach whatever listens on this machine, and its refusals show the
    /// answers.</summary>
    [Fact]
    public async Task A_ca_elsewhere_cannot_send_us_to_our_own_machine()
    {
        await using var set = await Set.StartAsync(database);
        await using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var http = new AcmeHttp(
            AcmeBench.For(new Uri("https://ca.example/dir")), new(set.Bench.Calls, set.Bench.Orders),
            services.GetRequiredService<IMeterFactory>(), TimeProvider.System, NullLogger<AcmeHttp>.Instance);

        var fault = await set.FaultAsync(() => http.ExchangeAsync(
            AcmeRoute.Read, CallPriority.New, new HttpRequestMessage(HttpMethod.Post, set.Order), Ct));

        Assert.Equal((CaFailure.NotDone, 0), (fault.Failure, set.Ca.Seen.Count));
    }

    [Fact]
    public async Task Another_chain_that_is_not_to_be_had_is_no_reason_to_go_without_one()
    {
        await using var set = await Set.StartAsync(database);
        using var key = OrderKey.Make("shop.test", KeyAlgorithm.EcdsaP256);
        var chain = set.Path.Pki.Issue(key.Csr, "shop.test");
        set.Ca.On("/certificate/1", async context =>
        {
            context.Response.Headers.Link = $"<{set.Ca.Base}/certificate/2>;rel=\"alternate\"";
            await context.Response.WriteAsync(
                string.Join('\n', chain.Select(der => PemEncoding.WriteString("CERTIFICATE", der))));
        });
        using var choosy = new AcmeBench(
            set.Path, AcmeBench.For(set.Ca.Url) with { PreferredIssuer = "Another Root" });

        var got = await choosy.Authority.DownloadAsync(set.Ca.Base + "/certificate/1", Ct);

        Assert.Equal(chain[0], got[0]);
        Assert.Equal(1, set.Ca.Count("/certificate/2"));
    }

    [Theory]
    [InlineData("valid", nameof(CaOrderStatus.Issued))]
    [InlineData("processing", nameof(CaOrderStatus.Pending))]
    [InlineData("invalid", nameof(CaOrderStatus.Closed))]
    public async Task A_finalization_that_was_refused_is_decided_by_the_order(string then, string expected)
    {
        await using var set = await Set.StartAsync(database);
        set.Ca.On(
            "/order/1", ScriptedAcme.Json(200, set.Ca.Order("ready")),
            ScriptedAcme.Json(200, set.Ca.Order(then, certificate: then == "valid")));
        set.Ca.On("/finalize/1", ScriptedAcme.Problem(400, "malformed"));

        var order = await set.Bench.Authority.IssueAsync(set.Order, [0x30, 0], Ct);

        Assert.Equal(expected, order.Status.ToString());
        Assert.Equal(then == "valid" ? set.Ca.Base + "/certificate/1" : null, order.CaCertificateId);
        Assert.Equal(1, set.Ca.Count("/finalize/1"));
    }

    [Fact]
    public async Task An_order_that_is_issued_or_under_way_is_not_finalized_again()
    {
        await using var set = await Set.StartAsync(database);
        set.Ca.On(
            "/order/1", ScriptedAcme.Json(200, set.Ca.Order("processing")),
            ScriptedAcme.Json(200, set.Ca.Order("valid", certificate: true)));

        await set.Bench.Authority.IssueAsync(set.Order, [0x30, 0], Ct);
        await set.Bench.Authority.IssueAsync(set.Order, [0x30, 0], Ct);

        Assert.Equal(0, set.Ca.Count("/finalize/1"));
    }

    [Fact]
    public async Task A_request_that_the_ca_refuses_for_good_is_refused()
    {
        await using var set = await Set.StartAsync(database);
        set.Ca.On("/order/1", ScriptedAcme.Json(200, set.Ca.Order("ready")));
        set.Ca.On("/finalize/1", ScriptedAcme.Problem(400, "badCSR"));

        var fault = await set.FaultAsync(() => set.Bench.Authority.IssueAsync(set.Order, [0x30, 0], Ct));

        Assert.Equal((CaFailure.Refused, "badCSR"), (fault.Failure, fault.Code));
    }

    [Fact]
    public async Task The_token_is_the_one_for_http_and_a_failed_look_says_what_was_met()
    {
        await using var set = await Set.StartAsync(database);
        set.Ca.On(
            "/order/1", ScriptedAcme.Json(200, set.Ca.Order("pending")),
            ScriptedAcme.Json(200, set.Ca.Order("pending")), ScriptedAcme.Json(200, set.Ca.Order("pending")),
            ScriptedAcme.Json(200, set.Ca.Order("invalid")));
        const string Error =
            ""","error":{"type":"urn:ietf:params:acme:error:unauthorized","detail":"404 from shop.test"}""";
        set.Ca.On(
            "/authz/1", ScriptedAcme.Json(200, set.Ca.Authorization("pending", "pending")),
            ScriptedAcme.Json(200, set.Ca.Authorization("pending", "pending")),
            ScriptedAcme.Json(200, set.Ca.Authorization("pending", "pending")),
            ScriptedAcme.Json(200, set.Ca.Authorization("invalid", "invalid", Error)));
        // Some refuse a word about what they have begun by themselves.
        set.Ca.On("/challenge/1", ScriptedAcme.Problem(400, "malformed"));

        var token = await set.Bench.Authority.ReadTokenAsync(set.Order, Ct);
        Assert.Equal("the-token." + await set.Bench.Client.ThumbprintAsync(Ct), token!.Value);
        Assert.True((await set.Bench.Authority.CheckAsync(set.Order, Ct)).StillLooking);
        Assert.True((await set.Bench.Authority.CheckAgainAsync(set.Order, Ct)).StillLooking);
        var failed = await set.Bench.Authority.CheckAgainAsync(set.Order, Ct);

        Assert.Equal((CaOrderStatus.Spent, false), (failed.Status, failed.TokenSeen));
        Assert.Equal("unauthorized: 404 from shop.test", failed.Detail);
        Assert.Equal("{}", set.Ca.Seen.Single(call => call.Path == "/challenge/1").Payload);
    }

    [Theory]
    [InlineData("../../etc/passwd")]
    [InlineData("a token\\nexpires=2099")]
    [InlineData("")]
    public async Task A_token_that_is_no_word_is_not_published(string token)
    {
        await using var set = await Set.StartAsync(database);
        set.Ca.On("/order/1", ScriptedAcme.Json(200, set.Ca.Order("pending")));
        set.Ca.On("/authz/1", ScriptedAcme.Json(
            200, set.Ca.Authorization("pending", "pending").Replace("the-token", token, StringComparison.Ordinal)));

        var fault = await set.FaultAsync(() => set.Bench.Authority.ReadTokenAsync(set.Order, Ct));

        Assert.Equal(CaFailure.NotDone, fault.Failure);
    }

    [Fact]
    public async Task A_renewal_window_is_read_and_the_order_says_what_it_replaces_unless_the_ca_minds()
    {
        await using var set = await Set.StartAsync(database);
        set.Ca.HasRenewals = true;
        var leaf = CertificateIdTests.LeafOfTheRfc();
        set.Ca.On("/renewal/" + CertificateIdTests.IdOfTheRfc, ScriptedAcme.Json(200, """
            {"suggestedWindow":{"start":"2026-01-02T04:00:00Z","end":"2026-01-03T04:00:00Z"},
             "explanationURL":"https://ca.example/why"}
            """, retryAfter: "21600"), ScriptedAcme.Json(200, """
            {"suggestedWindow":{"start":"2026-01-03T04:00:00Z","end":"2026-01-02T04:00:00Z"}}
            """));
        set.Ca.On("/order", ScriptedAcme.Problem(409, "alreadyReplaced"), set.Ca.Made("/order/1", "{}"));

        var window = await set.Bench.Authority.RenewalWindowAsync(leaf, Ct);
        Assert.Equal("https://ca.example/why", window!.Why!.AbsoluteUri);
        Assert.Equal((24.0, 6.0), ((window.End - window.Start).TotalHours, window.AskAgainAfter.TotalHours));
        await set.FaultAsync(() => set.Bench.Authority.RenewalWindowAsync(leaf, Ct));

        await set.Bench.Authority.PlaceOrderAsync(Set.Request with { Replaces = leaf }, Ct);
        var orders = set.Ca.Seen.Where(call => call.Path == "/order").Select(call => call.Payload).ToList();
        Assert.Contains($"\"replaces\":\"{CertificateIdTests.IdOfTheRfc}\"", orders[0], StringComparison.Ordinal);
        Assert.DoesNotContain("replaces", orders[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_account_is_asked_for_before_it_is_made_and_asked_for_anew_when_the_ca_has_lost_it()
    {
        await using var set = await Set.StartAsync(database);
        set.Ca.On(
            "/account", ScriptedAcme.Problem(400, "accountDoesNotExist"), set.Ca.Made("/account/1", "{}"),
            set.Ca.Made("/account/2", "{}"));
        set.Ca.On(
            "/order/1", ScriptedAcme.Problem(400, "accountDoesNotExist"),
            ScriptedAcme.Json(200, set.Ca.Order("pending")));

        var lost = await set.FaultAsync(() => set.Bench.Authority.ReadAsync(set.Order, Ct));
        Assert.Equal(CaFailure.CredentialRefused, lost.Failure);
        await set.Bench.Authority.ReadAsync(set.Order, Ct);

        Assert.Equal(
            ["onlyReturnExisting", "termsOfServiceAgreed", "onlyReturnExisting"],
            set.Ca.Seen.Where(call => call.Path == "/account").Select(call =>
                JsonDocument.Parse(call.Payload).RootElement.EnumerateObject().First().Name));
        await using var db = set.Path.Open();
        var row = await db.AcmeAccounts.SingleAsync(Ct);
        Assert.Equal(set.Ca.Base + "/account/2", row.Url);
    }

    [Fact]
    public async Task An_order_of_another_ca_is_not_asked_about()
    {
        await using var set = await Set.StartAsync(database);

        var fault = await set.FaultAsync(() => set.Bench.Authority.ReadAsync("610000123", Ct));

        Assert.Equal((CaFailure.NotDone, 0), (fault.Failure, set.Ca.Seen.Count));
    }

    [Fact]
    public async Task The_accounts_key_rests_sealed_and_is_not_collected_as_an_orphan()
    {
        await using var set = await Set.StartAsync(database);
        await set.Bench.Client.ThumbprintAsync(Ct);
        await using var db = set.Path.Open();
        var account = await db.AcmeAccounts.SingleAsync(Ct);
        await set.Path.SqlAsync($"UPDATE vault_keys SET created_at = created_at - interval '1 day'");

        await new VaultCollection(
            set.Path, set.Path.Pause, set.Path.Trail, set.Path.Clock,
            NullLogger<VaultCollection>.Instance).RunAsync(Ct);

        var stored = await db.VaultKeys.SingleAsync(key => key.Id == account.KeyId, Ct);
        using var key = await set.Path.Vault.OpenAsync(stored, Ct);
        Assert.True(stored.Ciphertext.AsSpan().IndexOf(key.Pkcs8) < 0);
        using var opened = AccountKey.Open(key);
        Assert.Equal("(account key)", $"{opened}");
        Assert.Equal(await set.Bench.Client.ThumbprintAsync(Ct), opened.Thumbprint);
    }

    /// <summary>A scripted CA, and a client of it on a database of its own.</summary>
    private sealed class Set : IAsyncDisposable
    {
        private Set(PathBench path, ScriptedAcme ca) =>
            (Path, Ca, Bench) = (path, ca, new(path, AcmeBench.For(ca.Url)));

        public static OrderRequest Request { get; } =
            new(Guid.CreateVersion7(), "shop.test", [0x30, 0], CallPriority.New);

        public PathBench Path { get; }

        public ScriptedAcme Ca { get; }

        public AcmeBench Bench { get; }

        public string Order => Ca.Base + "/order/1";

        public static async Task<Set> StartAsync(PostgresDatabase database) =>
            new(await PathBench.StartAsync(database), await ScriptedAcme.StartAsync());

        public Task<PlacedOrder> PlaceAsync() => Bench.Authority.PlaceOrderAsync(Request, Ct);

        public Task<CertificateAuthorityException> FaultAsync(Func<Task> call) =>
            Assert.ThrowsAsync<CertificateAuthorityException>(call);

        public async ValueTask DisposeAsync()
        {
            Bench.Dispose();
            await Ca.DisposeAsync();
            await Path.DisposeAsync();
        }
    }
}
