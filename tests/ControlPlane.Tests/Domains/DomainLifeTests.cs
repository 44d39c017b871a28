using System.Net;
using ControlPlane.Contracts;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using ControlPlane.Http;
using ControlPlane.Nodes;
using ControlPlane.Tests.Http;
using Microsoft.EntityFrameworkCore;
using static ControlPlane.Tests.Http.ApiFixture;

namespace ControlPlane.Tests.Domains;

/// <summary>A domain read, listed, checked and deleted at several points of its path, which the test sets by
/// hand.</summary>
public sealed class DomainLifeTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    private static readonly DateTimeOffset Now = new(2026, 3, 2, 9, 30, 0, TimeSpan.Zero);

    [Fact]
    public async Task A_check_makes_a_waiting_order_due_and_wakes_its_stage()
    {
        var id = await api.RegisterAsync("check.example.com");
        var later = api.Clock.GetUtcNow().AddHours(1);
        await SetAsync(id, order => order.NextAttemptAt = later);
        var wakes = api.Wakes.Count;

        Assert.Equal(HttpStatusCode.Accepted, (await api.Acme.PostAsync($"/v1/domains/{id}/check", null)).StatusCode);

        await using var db = api.Open();
        Assert.True((await db.Orders.SingleAsync(order => order.DomainId == id)).NextAttemptAt < later);
        Assert.True(api.Wakes.Count > wakes);
    }

    [Fact]
    public async Task However_often_a_check_is_asked_for_the_ca_is_looked_at_early_once_a_minute()
    {
        var id = await api.RegisterAsync("eager.example.com");
        var later = api.Clock.GetUtcNow().AddHours(1).ToUniversalTime();
        var early = new List<bool>();
        for (var asked = 0; asked < 3; asked++)
        {
            await using (var db = api.Open())
            {
                await db.Database.ExecuteSqlAsync(
                    $"""
                     UPDATE orders SET state = 'PendingIssuance', ca_order_id = 'eager', next_attempt_at = {later}
                     WHERE domain_id = {id}
                     """);
            }

            await api.Acme.PostAsync($"/v1/domains/{id}/check", null);
            await using var after = api.Open();
            early.Add((await after.Orders.SingleAsync(order => order.DomainId == id)).NextAttemptAt
                < later.AddMinutes(-1));
            if (asked == 1)
            {
                api.Clock.Advance(TimeSpan.FromMinutes(1));
            }
        }

        Assert.Equal([true, false, true], early);
    }

    [Fact]
    public async Task A_check_leaves_the_look_ups_after_a_lost_answer_alone()
    {
        var id = await api.RegisterAsync("lost.example.com");
        var later = new DateTimeOffset(2099, 1, 1, 0, 0, 0, TimeSpan.Zero);
        await SetAsync(id, order =>
        {
            order.MoveTo(OrderState.PendingOrder, Now);
            (order.KeyId, order.Csr, order.SubmittedAt) = (Guid.NewGuid(), [1], Now);
            order.NextAttemptAt = later;
        });
        await api.Acme.PostAsync($"/v1/domains/{id}/check", null);
        await using var db = api.Open();
        Assert.Equal(later, (await db.Orders.SingleAsync(order => order.DomainId == id)).NextAttemptAt);
    }

    /// <summary>Fails when a customer who asks too early, again and again, waits longer than one who does not
    /// ask.</summary>
    [Fact]
    public async Task A_check_makes_the_looks_after_it_come_often_again()
    {
        var id = await api.RegisterAsync("asks-early.example.com");
        await SetAsync(id, order =>
        {
            order.WaitFor(Reasons.DnsNotThere, "It does not exist.", Now);
            (order.Snoozes, order.NextAttemptAt) = (9, api.Clock.GetUtcNow().AddHours(1));
        });

        await api.Acme.PostAsync($"/v1/domains/{id}/check", null);

        await using var db = api.Open();
        var order = await db.Orders.SingleAsync(order => order.DomainId == id);
        Assert.Equal(0, order.Snoozes);
        Assert.True(order.NextAttemptAt <= api.Clock.GetUtcNow());
    }

    [Fact]
    public async Task Deletion_asks_the_running_step_to_stop_and_is_told_once()
    {
        var id = await api.RegisterAsync("bye.example.com");
        await SetAsync(id, order =>
        {
            order.NextAttemptAt = api.Clock.GetUtcNow().AddHours(1);
            order.WaitFor(Reasons.DnsNotThere, "It does not exist.", api.Clock.GetUtcNow());
        });
        for (var i = 0; i < 2; i++)
        {
            var answer = await api.Acme.DeleteAsync($"/v1/domains/{id}");
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
            var view = await ReadAsync(answer);
            Assert.Equal(
                ("deleting", "nodes", "nodes-withdrawing"),
                ($"{view["status"]}", $"{view["waitingOn"]}", $"{view["reason"]!["code"]}"));
            Assert.DoesNotContain("exist", view["reason"]!.ToJsonString());
            foreach (var (code, found) in new[] { ("nodes-withdrawing", 1), ("dns-not-there", 0) })
            {
                var list = await ReadAsync(await api.Acme.GetAsync($"/v1/domains?hostname=bye.&reason={code}"));
                Assert.Equal(found, list["items"]!.AsArray().Count);
            }
        }

        await using var db = api.Open();
        var order = await db.Orders.SingleAsync(row => row.DomainId == id);
        Assert.Equal(OrderState.PendingDns, order.State);
        Assert.NotNull(order.CancelRequestedAt);
        Assert.True(order.NextAttemptAt <= api.Clock.GetUtcNow());
        Assert.Equal(1, await db.Events.CountAsync(row =>
            row.DomainId == id && row.Type == EventTypes.DomainDeletionRequested));
        using var again = await api.Acme.PostAsync(
            "/v1/domains", System.Net.Http.Json.JsonContent.Create(new { hostname = "bye.example.com" }));
        await ProblemAsync(again, 409, "hostname-being-released");
        Assert.Equal(TimeSpan.FromMinutes(1), again.Headers.RetryAfter?.Delta);
    }

    [Fact]
    public async Task Deletion_of_a_failed_domain_enters_canceling_by_itself()
    {
        var id = await api.RegisterAsync("failed.example.com");
        await SetAsync(id, order =>
        {
            order.MoveTo(OrderState.Failed, Now);
            order.WaitFor(Reasons.DnsTimedOut, "", Now);
        }, DomainStatus.Failed);
        var read = await ReadAsync(await api.Acme.GetAsync($"/v1/domains/{id}"));
        Assert.Equal(("failed", "customer", "failed"),
            ($"{read["status"]}", $"{read["waitingOn"]}", $"{read["ownership"]!["status"]}"));

        await api.Acme.DeleteAsync($"/v1/domains/{id}");

        await using var db = api.Open();
        var order = await db.Orders.SingleAsync(row => row.DomainId == id);
        Assert.Equal(OrderState.Canceling, order.State);
        Assert.NotNull(order.NextAttemptAt);
        Assert.Contains(OrderState.Canceling, api.Wakes);
    }

    [Fact]
    public async Task An_active_domain_shows_its_proof_and_degrades_when_a_node_is_lost()
    {
        var id = await api.RegisterAsync("active.example.com");
        var fingerprint = new string('a', 64);
        await using (var db = api.Open())
        {
            var domain = await db.Domains.SingleAsync(row => row.Id == id);
            var order = await db.Orders.SingleAsync(row => row.DomainId == id);
            var bundle = new Bundle
            {
                Id = Guid.NewGuid(),
                DomainId = id,
                OrderId = order.Id,
                KeyId = Guid.NewGuid(),
                ChainId = new string('c', 64),
                Leaf = [1],
                Issuer = "CN=Sandbox",
                Serial = "0A",
                Fingerprint = fingerprint,
                NotBefore = Now,
                NotAfter = DateTimeOffset.UnixEpoch.AddYears(200),
                CreatedAt = Now,
            };
            db.AddRange(new Chain { Id = bundle.ChainId, Intermediates = [] }, bundle);
            await db.SaveChangesAsync();
            (order.KeyId, order.Csr, order.CaOrderId, order.BundleId) = (bundle.KeyId, [1], "1", bundle.Id);
            foreach (var state in new[]
            {
                OrderState.PendingOrder, OrderState.PendingValidation, OrderState.PendingIssuance,
                OrderState.PendingDeployment, OrderState.Active,
            })
            {
                order.MoveTo(state, Now);
            }

            domain.Serve(bundle.Id, bundle.NotAfter);
            (domain.Status, domain.ActivatedAt) = (DomainStatus.Active, Now);
            db.Add(new DesiredRow
            {
                FleetId = domain.FleetId,
                DomainId = id,
                Hostname = domain.Hostname,
                BundleId = bundle.Id,
                OrderSequence = order.Sequence,
                Revision = 1,
                ChangedAt = Now,
            });
            foreach (var name in new[] { "node-1", "node-2" })
            {
                var node = Node(domain.FleetId, name);
                db.AddRange(node, new NodeObservation
                {
                    NodeId = node.Id,
                    DomainId = id,
                    Revision = 1,
                    State = ObservedDomainState.Serving,
                    ObservedAt = Now,
                    DiskFingerprint = fingerprint,
                    MemoryFingerprint = fingerprint,
                    HandshakeFingerprint = fingerprint,
                });
            }

            await db.SaveChangesAsync();
        }

        var read = await ReadAsync(await api.Acme.GetAsync($"/v1/domains/{id}"));
        Assert.Equal(("active", "none", "verified", "issued", "complete"),
            ($"{read["status"]}", $"{read["waitingOn"]}", $"{read["ownership"]!["status"]}",
                $"{read["certificate"]!["status"]}", $"{read["delivery"]!["status"]}"));
        Assert.Equal((2, 2), ((int)read["delivery"]!["nodesReady"]!, (int)read["delivery"]!["nodesTotal"]!));
        Assert.Equal(["active.example.com"], await NamesAsync("status=active"));
        Assert.Empty(await NamesAsync("status=degraded"));
        var certificates = await ReadAsync(await api.Acme.GetAsync($"/v1/domains/{id}/certificates"));
        Assert.Equal("active", certificates["items"]![0]!["state"]!.ToString());
        var delivery = await ReadAsync(await api.Acme.GetAsync($"/v1/domains/{id}/delivery"));
        Assert.All(delivery["items"]!.AsArray(), node => Assert.True((bool)node!["proven"]!));

        await using (var db = api.Open())
        {
            await db.Nodes.Where(node => node.Name == "node-2")
                .ExecuteUpdateAsync(set => set.SetProperty(node => node.Standing, NodeStanding.Lost));
        }

        Assert.Equal("degraded", (await ReadAsync(await api.Acme.GetAsync($"/v1/domains/{id}")))["status"]!.ToString());
        Assert.Equal(["active.example.com"], await NamesAsync("status=degraded"));
        Assert.Equal(["active.example.com"], await NamesAsync("status=degraded&waitingOn=none&hostname=active"));
        Assert.Empty(await NamesAsync("status=degraded&waitingOn=none&metadata=no:such"));
        Assert.Empty(await NamesAsync("status=active"));
    }

    [Fact]
    public async Task A_list_is_paged_and_filtered()
    {
        for (var i = 0; i < 5; i++)
        {
            await api.RegisterAsync($"page-{i}.example.org");
        }

        var first = await ReadAsync(await api.Acme.GetAsync("/v1/domains?hostname=page-&limit=3"));
        var second = await ReadAsync(
            await api.Acme.GetAsync($"/v1/domains?hostname=page-&limit=3&cursor={first["nextCursor"]}"));
        Assert.Equal(
            Enumerable.Range(0, 5).Select(n => $"page-{n}.example.org"),
            first["items"]!.AsArray().Concat(second["items"]!.AsArray()).Select(item => $"{item!["hostname"]}"));
        Assert.Null(second["nextCursor"]);
        Assert.Empty(await NamesAsync("hostname=page%25"));
        Assert.Equal(5, (await NamesAsync("hostname=page-&waitingOn=none&status=pending")).Count);
        Assert.Empty(await NamesAsync("hostname=page-&waitingOn=operator"));
    }

    [Fact]
    public async Task An_operator_lists_one_tenants_domains_and_a_wrong_tenant_lists_nothing()
    {
        await api.RegisterAsync("whose.example.org");
        foreach (var (tenant, count) in new[] { ("acme", 1), ("globex", 0) })
        {
            var list = await ReadAsync(await api.Support.GetAsync($"/v1/domains?hostname=whose&tenant={tenant}"));
            Assert.Equal(count, list["items"]!.AsArray().Count);
        }

        await ProblemAsync(await api.Support.GetAsync("/v1/domains?tenant=acmee"), 400, "tenant-unknown");
        await ProblemAsync(await api.Acme.GetAsync("/v1/domains?tenant=globex"), 400, "tenant-not-allowed");
    }

    private async Task<List<string>> NamesAsync(string query) =>
        [.. (await ReadAsync(await api.Acme.GetAsync($"/v1/domains?{query}")))["items"]!.AsArray()
            .Select(item => $"{item!["hostname"]}")];

    private async Task SetAsync(Guid domain, Action<Order> change, DomainStatus? status = null)
    {
        await using var db = api.Open();
        var order = await db.Orders.Include(row => row.Domain).SingleAsync(row => row.DomainId == domain);
        change(order);
        order.Domain.Status = status ?? order.Domain.Status;
        await db.SaveChangesAsync();
    }

    private static Node Node(Guid fleet, string name) => new()
    {
        Id = Guid.NewGuid(),
        FleetId = fleet,
        Name = name,
        Standing = NodeStanding.Serving,
        HttpEndpoint = "127.0.0.1:80",
        SigningKey = [1],
        SigningKeyId = Guid.NewGuid().ToString("N"),
        SealingKey = [2],
        SealingKeyId = "e",
        AgentVersion = "1",
        JoinedAt = Now,
        LastSeenAt = Now,
    };
}
