using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using CertCentralSandbox.Tests.Harness;
using CertCentralSandbox.Validation;

namespace CertCentralSandbox.Tests.Orders;

public sealed class LifeTests
{
    private const string Name = "shop.life.test";

    [Fact]
    public async Task A_reissue_keeps_the_order_validates_anew_and_leaves_the_old_certificate_valid()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (id, first) = await sandbox.IssueAsync(Name);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        var asked = await sandbox.PostAsync(
            $"order/certificate/{id}/reissue", Buying.Ask(Name).WithCertificate("csr", Buying.Csr(key)));
        var second = asked["certificate_id"].GetInt64();

        Assert.Equal(201, asked.Status);
        Assert.Equal(id, asked["id"].GetInt64());
        Assert.NotEqual(first, second);
        Assert.Equal("reissue_pending", await sandbox.StatusOfAsync(id));
        Assert.Equal(400, (await sandbox.PutAsync($"order/certificate/{id}/check-dcv")).Status); // the old file
        Assert.Equal("order_has_pending_request",
            (await sandbox.PostAsync($"order/certificate/{id}/reissue", Buying.Ask(Name))).Code);

        sandbox.Prove(asked.String("dcv_random_value")!, Name);
        await sandbox.PutAsync($"order/certificate/{id}/check-dcv");

        var info = await sandbox.GetAsync($"order/certificate/{id}");
        Assert.Equal(("issued", 1), (info.String("status"), info["reissues_count"].GetInt32()));
        Assert.Equal(
            key.ExportSubjectPublicKeyInfo(),
            (await sandbox.DownloadAsync(second))[0].PublicKey.ExportSubjectPublicKeyInfo());
        Assert.Single(await sandbox.DownloadAsync(first, "pem")); // still there
        var list = (await sandbox.GetAsync($"order/certificate/{id}/reissue"))["certificates"];
        Assert.Equal(second, list[0].GetProperty("id").GetInt64());
    }

    [Fact]
    public async Task A_reissue_that_drops_a_name_revokes_its_predecessors_within_72_hours()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (id, first) = await sandbox.IssueAsync(Name, "two.life.test");
        var serial = (await sandbox.DownloadAsync(first))[0].SerialNumberBytes;
        var asked = await sandbox.PostAsync($"order/certificate/{id}/reissue", Buying.Ask(Name));
        sandbox.Prove(asked.String("dcv_random_value")!, Name);
        await sandbox.PutAsync($"order/certificate/{id}/check-dcv");

        await sandbox.PostAsync("/sandbox/clock", new { advance = "72h" });

        await Sandbox.UntilAsync(async () => CertificateRevocationListBuilder
            .Load((await sandbox.GetAsync("/sandbox/revoked.crl")).Body, out _).RemoveEntry(serial.Span));
    }

    [Fact]
    public async Task A_duplicate_leaves_the_order_issued_and_is_listed()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (id, first) = await sandbox.IssueAsync(Name);

        var asked = await sandbox.PostAsync($"order/certificate/{id}/duplicate", Buying.Ask(Name));
        Assert.Equal((201, "issued"), (asked.Status, await sandbox.StatusOfAsync(id)));
        sandbox.Prove(asked.String("dcv_random_value")!, Name);
        await sandbox.PutAsync($"order/certificate/{id}/check-dcv");

        var list = (await sandbox.GetAsync($"order/certificate/{id}/duplicate"))["certificates"];
        Assert.Equal("approved", Assert.Single(list.EnumerateArray()).GetProperty("status").GetString());
        Assert.Equal(
            first, (await sandbox.GetAsync($"order/certificate/{id}"))["certificate"].GetProperty("id").GetInt64());
    }

    [Fact]
    public async Task Cancel_ends_a_pending_order_needs_a_note_and_is_refused_once_issued()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (pending, _, _) = await sandbox.OrderAsync(Name);
        var (issued, _) = await sandbox.IssueAsync("other.life.test");
        var cancel = new { status = "CANCELED", note = "not wanted" };

        Assert.Equal(
            400, (await sandbox.PutAsync($"order/certificate/{pending}/status", new { status = "canceled" })).Status);
        Assert.Equal(204, (await sandbox.PutAsync($"order/certificate/{pending}/status", cancel)).Status);
        Assert.Equal("canceled", await sandbox.StatusOfAsync(pending));
        Assert.Equal(400, (await sandbox.PutAsync($"order/certificate/{pending}/check-dcv")).Status);
        Assert.Equal(400, (await sandbox.PutAsync($"order/certificate/{issued}/status", cancel)).Status);

        await sandbox.PostAsync($"order/certificate/{issued}/reissue", Buying.Ask("other.life.test"));
        Assert.Equal("pending_reissue",
            (await sandbox.PutAsync($"order/certificate/{issued}/revoke", new { skip_approval = true })).Code);
        Assert.Equal(204, (await sandbox.PutAsync($"order/certificate/{issued}/status", cancel)).Status);
        Assert.Equal("issued", await sandbox.StatusOfAsync(issued));
    }

    [Fact]
    public async Task Revocation_takes_a_certificate_or_the_order_at_once_or_after_approval()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (id, certificateId) = await sandbox.IssueAsync(Name);

        var one = await sandbox.PutAsync(
            $"certificate/{certificateId}/revoke", new { skip_approval = true, revocation_reason = "superseded" });
        Assert.Equal(204, one.Status);
        Assert.Equal("issued", await sandbox.StatusOfAsync(id)); // the order stays re-issuable
        var request = await sandbox.PutAsync($"order/certificate/{id}/revoke", new { comments = "end" });
        Assert.Equal((201, "pending"), (request.Status, request.String("status")));
        Assert.Equal(
            204, (await sandbox.PutAsync($"request/{request["id"]}/status", new { status = "approved" })).Status);

        Assert.Equal("revoked", await sandbox.StatusOfAsync(id));
        Assert.Equal("order_already_revoked",
            (await sandbox.PutAsync($"order/certificate/{id}/revoke", new { skip_approval = true })).Code);
    }

    [Fact]
    public async Task Without_skip_approval_an_order_waits_for_an_approver()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var placed = await sandbox.PostAsync(
            "order/certificate/ssl_dv_geotrust", Buying.Ask(Name).With("skip_approval", null));
        var (id, request) = (placed["id"].GetInt64(), placed["requests"][0].GetProperty("id").GetInt64());
        Assert.Equal("needs_approval", await sandbox.StatusOfAsync(id));

        Assert.Equal(204, (await sandbox.PutAsync($"request/{request}/status", new { status = "approved" })).Status);

        Assert.Equal("pending", await sandbox.StatusOfAsync(id));
    }

    [Fact]
    public async Task A_random_value_is_kept_while_good_and_replaced_once_expired()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (id, _, token) = await sandbox.OrderAsync(Name);
        Assert.Equal(token, await ValueAsync());

        await sandbox.PostAsync("/sandbox/clock", new { advance = "30d" });
        sandbox.Prove(token, Name);

        Assert.Equal(400, (await sandbox.PutAsync($"order/certificate/{id}/check-dcv")).Status);
        Assert.NotEqual(token, await ValueAsync());

        async Task<string?> ValueAsync() =>
            (await sandbox.PutAsync($"order/certificate/{id}/dcv-random-value")).String("dcv_random_value");
    }

    [Fact]
    public async Task A_renewal_links_the_orders()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var (old, _) = await sandbox.IssueAsync(Name);

        var placed = await sandbox.PostAsync(
            "order/certificate/ssl_dv_geotrust", Buying.Ask(Name).With("renewal_of_order_id", old));

        Assert.True((await sandbox.GetAsync($"order/certificate/{old}"))["is_renewed"].GetBoolean());
        Assert.True((await sandbox.GetAsync($"order/certificate/{placed["id"]}"))["is_renewal"].GetBoolean());

        var again = Buying.Ask(Name).With("renewal_of_order_id", old);
        Assert.Equal(
            "order_renewed_already", (await sandbox.PostAsync("order/certificate/ssl_dv_geotrust", again)).Code);
        await sandbox.PutAsync($"order/certificate/{placed["id"]}/status", new { status = "canceled", note = "test" });
        Assert.Equal(201, (await sandbox.PostAsync("order/certificate/ssl_dv_geotrust", again)).Status);
    }

    [Fact]
    public async Task With_an_AuthKey_and_a_token_made_beforehand_the_certificate_comes_with_the_answer()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var key = (await sandbox.PostAsync("account/auth-key")).String("auth_key")!;
        Assert.Equal("auth_key_exists_for_account", (await sandbox.PostAsync("account/auth-key")).Code);
        var csr = Buying.Csr();
        sandbox.Prove(RequestToken.Create(key, csr, TimeProvider.System.GetUtcNow()), Name);

        var placed = await sandbox.PostAsync("order/certificate/ssl_dv_geotrust",
            Buying.Ask(Name).With("use_auth_key", true).WithCertificate("csr", csr));

        Assert.Equal(3, placed["certificate_chain"].GetArrayLength());
        Assert.Equal("issued", await sandbox.StatusOfAsync(placed["id"].GetInt64()));
    }

    [Fact]
    public async Task An_active_webhook_hears_of_issuance()
    {
        await using var sandbox = await Sandbox.StartAsync();
        var heard = new TaskCompletionSource<string>();
        sandbox.Web.Answer($"127.0.0.1:{sandbox.Web.Port}", http =>
        {
            heard.TrySetResult(http.Request.Headers["X-WEBHOOK-KEY"].ToString());
            return Task.CompletedTask;
        });
        var secret = new string('s', 40);
        var made = await sandbox.PostAsync("webhook", new
        {
            endpoint = $"http://127.0.0.1:{sandbox.Web.Port}/hook",
            secret,
            events = new[] { "certificate_issued" },
        });
        Assert.Equal(201, made.Status);
        Assert.Equal(204, (await sandbox.PutAsync($"webhook/{made["webhook_id"]}/activate")).Status);

        await sandbox.IssueAsync(Name);

        Assert.Equal(secret, await heard.Task.WaitAsync(TimeSpan.FromMinutes(2)));
    }
}
