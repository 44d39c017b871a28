using System.Text.Json.Nodes;
using ControlPlane.Domains;
using ControlPlane.Webhooks;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Webhooks;

/// <summary>What a receiver gets when it fails, is away, asks to wait, or is gone. Real receivers, the test's
/// clock.</summary>
public sealed class DeliveryTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task A_receiver_that_answers_500_for_an_hour_misses_nothing_and_takes_nothing_twice()
    {
        await using var bench = await WebhookBench.StartAsync(database);
        await using var receiver = await ReceiverStandIn.StartAsync();
        var (webhook, _) = await bench.AddAsync(receiver.Url);
        var replica = bench.NewReplica();
        var told = new List<string>(await bench.TellAsync(3));
        await WebhookBench.DrainAsync(replica);
        Assert.Equal(told, receiver.Taken);

        var back = bench.Clock.GetUtcNow().AddHours(1);
        receiver.Answer = (_, _) => Task.FromResult(bench.Clock.GetUtcNow() < back ? 500 : 204);
        for (var minute = 0; minute < 60; minute++)
        {
            told.AddRange(await bench.TellAsync(3));
            await WebhookBench.DrainAsync(replica);
            bench.Clock.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.Equal(3, receiver.Taken.Count);
        // A receiver that is down costs a handful of rows, and is not hammered with all that happens.
        Assert.InRange((await bench.DeliveriesAsync(webhook)).Count, 5, 15);
        Assert.InRange(receiver.Heard.Count, 8, 40);

        for (var minute = 0; minute < 15; minute++)
        {
            await WebhookBench.DrainAsync(replica);
            bench.Clock.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.Equal(told.Order(), receiver.Taken.Order());
        var after = await bench.ReadAsync(webhook);
        Assert.Equal((0, null, null), (after.Failures, after.FailingSince, after.HeldUntil));
        Assert.All(await bench.DeliveriesAsync(webhook), one => Assert.Equal(DeliveryState.Delivered, one.Status));

        // And nothing of it ever again.
        bench.Clock.Advance(TimeSpan.FromDays(4));
        await WebhookBench.DrainAsync(replica);
        Assert.Equal(told.Count, receiver.Taken.Count);
    }

    [Fact]
    public async Task Nothing_is_sent_for_a_disabled_tenant_and_all_of_it_afterwards()
    {
        await using var bench = await WebhookBench.StartAsync(database);
        await using var receiver = await ReceiverStandIn.StartAsync();
        await bench.AddAsync(receiver.Url);
        await using var db = bench.Open();
        var tenant = await db.Tenants.SingleAsync(row => row.Id == bench.TenantId);
        tenant.DisabledAt = bench.Clock.GetUtcNow();
        await db.SaveChangesAsync();
        var told = await bench.TellAsync(2);
        var replica = bench.NewReplica();
        await WebhookBench.DrainAsync(replica);
        Assert.Empty(receiver.Heard);

        tenant.DisabledAt = null;
        await db.SaveChangesAsync();
        // Another replica: this one looks at all again only after some seconds.
        await WebhookBench.DrainAsync(bench.NewReplica());
        Assert.Equal(told, receiver.Taken);
    }

    [Fact]
    public async Task An_event_that_fails_is_put_aside_and_holds_nothing_up_until_it_is_dead_and_resent()
    {
        await using var bench = await WebhookBench.StartAsync(database);
        await using var receiver = await ReceiverStandIn.StartAsync();
        var (webhook, _) = await bench.AddAsync(receiver.Url);
        var replica = bench.NewReplica();
        var told = await bench.TellAsync(4);
        var refuses = true;
        receiver.Answer = (_, id) => Task.FromResult(refuses && id == told[1] ? 422 : 200);

        await WebhookBench.DrainAsync(replica);

        Assert.Equal([told[0], told[2], told[3]], receiver.Taken);
        for (var attempt = 2; attempt <= 12; attempt++)
        {
            var aside = Assert.Single(await bench.DeliveriesAsync(webhook));
            Assert.Equal((DeliveryState.Retrying, attempt - 1, 422), (aside.Status, aside.Attempts, aside.LastStatus));
            bench.Clock.Advance(aside.NextAttemptAt!.Value - bench.Clock.GetUtcNow());
            await WebhookBench.DrainAsync(replica);
        }

        var dead = Assert.Single(await bench.DeliveriesAsync(webhook));
        Assert.Equal((DeliveryState.Dead, 12, null), (dead.Status, dead.Attempts, dead.NextAttemptAt));
        Assert.Equal(12, receiver.Heard.Count(one => one.Id == told[1]));

        refuses = false;
        await using (var db = bench.Open())
        {
            (await db.WebhookDeliveries.SingleAsync()).Resend(bench.Clock.GetUtcNow());
            await db.SaveChangesAsync();
        }

        await WebhookBench.DrainAsync(replica);
        Assert.Equal(told.Order(), receiver.Taken.Order());
    }

    [Fact]
    public async Task A_410_disables_and_what_happens_meanwhile_is_sent_once_it_is_enabled_again()
    {
        await using var bench = await WebhookBench.StartAsync(database);
        await using var receiver = await ReceiverStandIn.StartAsync();
        var (webhook, _) = await bench.AddAsync(receiver.Url, EventTypes.DomainActive, EventTypes.WebhookDisabled);
        var replica = bench.NewReplica();
        receiver.Answer = (_, _) => Task.FromResult(410);
        var told = new List<string>(await bench.TellAsync(2));

        await WebhookBench.DrainAsync(replica);

        var gone = await bench.ReadAsync(webhook);
        Assert.Equal((false, DisabledBecause.Gone), (gone.Enabled, gone.DisabledBecause));
        Assert.Single(receiver.Heard);
        told.AddRange(await bench.TellAsync(2));
        await WebhookBench.DrainAsync(replica);
        Assert.Single(receiver.Heard);

        receiver.Answer = (_, _) => Task.FromResult(200);
        await bench.ChangeAsync(webhook, row => row.Enable());
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        // That it was disabled is told too, as soon as it is settled.
        await Eventually.TrueAsync(async () =>
        {
            await WebhookBench.DrainAsync(replica);
            return receiver.Taken.Count > told.Count;
        });
        Assert.Equal(told.Order(), receiver.Taken.Where(told.Contains).Order());
        Assert.Equal(told.Count + 1, receiver.Taken.Count);
    }

    [Fact]
    public async Task A_receiver_that_takes_nothing_for_five_days_is_disabled_and_told_of()
    {
        await using var bench = await WebhookBench.StartAsync(database);
        await using var receiver = await ReceiverStandIn.StartAsync();
        var (webhook, _) = await bench.AddAsync(receiver.Url, EventTypes.DomainActive);
        var replica = bench.NewReplica();
        receiver.Answer = (_, _) => Task.FromResult(500);
        var told = await bench.TellAsync(20);
        for (var hour = 0; hour < 119; hour++)
        {
            await WebhookBench.DrainAsync(replica);
            bench.Clock.Advance(TimeSpan.FromHours(1));
        }

        Assert.True((await bench.ReadAsync(webhook)).Enabled);
        bench.Clock.Advance(TimeSpan.FromHours(2));
        await WebhookBench.DrainAsync(replica);

        Assert.Equal(DisabledBecause.Failing, (await bench.ReadAsync(webhook)).DisabledBecause);
        await using var db = bench.Open();
        Assert.Equal(1, await db.Events.CountAsync(row => row.Type == EventTypes.WebhookDisabled));

        // Only what was tried for three days is dead; all else goes on where it stopped.
        receiver.Answer = (_, _) => Task.FromResult(200);
        await bench.ChangeAsync(webhook, row => row.Enable());
        bench.Clock.Advance(TimeSpan.FromDays(2));
        await WebhookBench.DrainAsync(replica);
        var dead = (await bench.DeliveriesAsync(webhook)).Count(one => one.Status == DeliveryState.Dead);
        Assert.Equal(told.Count - dead, receiver.Taken.Distinct().Count());
        Assert.Equal(receiver.Taken.Distinct(), receiver.Taken);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(503)]
    public async Task A_receiver_that_says_when_to_come_back_is_left_in_peace_until_then(int status)
    {
        await using var bench = await WebhookBench.StartAsync(database);
        await using var receiver = await ReceiverStandIn.StartAsync();
        await bench.AddAsync(receiver.Url);
        var replica = bench.NewReplica();
        var told = await bench.TellAsync(3);
        receiver.Answer = (context, _) =>
        {
            context.Response.Headers.RetryAfter = "3600";
            return Task.FromResult(status);
        };
        await WebhookBench.DrainAsync(replica);
        Assert.Single(receiver.Heard);

        bench.Clock.Advance(TimeSpan.FromMinutes(59));
        await WebhookBench.DrainAsync(replica);
        Assert.Single(receiver.Heard);

        receiver.Answer = (_, _) => Task.FromResult(200);
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        await WebhookBench.DrainAsync(replica);
        Assert.Equal(told, receiver.Taken);
    }

    [Fact]
    public async Task Both_secrets_sign_until_the_old_one_is_dropped_and_the_body_is_thin_and_the_same_each_time()
    {
        await using var bench = await WebhookBench.StartAsync(database);
        await using var receiver = await ReceiverStandIn.StartAsync();
        var (webhook, old) = await bench.AddAsync(receiver.Url);
        var replica = bench.NewReplica();
        receiver.Answer = (_, _) => Task.FromResult(500);
        var id = await bench.TellAsync();
        await WebhookBench.DrainAsync(replica);

        var (row, secret) = (await bench.Seal.MakeAsync(webhook.Id, default))!.Value;
        var next = WebhookSecrets.Reveal(secret);
        await using (var db = bench.Open())
        {
            db.Add(row);
            await db.SaveChangesAsync();
        }

        receiver.Answer = (_, _) => Task.FromResult(200);
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        await WebhookBench.DrainAsync(replica);
        await using (var db = bench.Open())
        {
            await db.WebhookSecrets.Where(one => one.Id != row.Id).ExecuteDeleteAsync();
        }

        await bench.TellAsync();
        await WebhookBench.DrainAsync(replica);

        var heard = receiver.Heard;
        Assert.Equal(
            [(true, false), (true, true), (false, true)],
            heard.Select(one => (one.IsSignedWith(old), one.IsSignedWith(next))));
        Assert.Equal((id, id), (heard[0].Id, heard[1].Id));
        Assert.Equal(heard[0].Body, heard[1].Body);
        Assert.Equal(60, heard[1].Timestamp - heard[0].Timestamp);
        var body = JsonNode.Parse(heard[0].Body)!;
        Assert.Equal(
            ("domain.active", "It happened."), ($"{body["type"]}", $"{body["data"]!["message"]}"));
        Assert.False((heard[0] with { Body = heard[0].Body + " " }).IsSignedWith(old));
        Assert.False((heard[0] with { Timestamp = heard[0].Timestamp + 1 }).IsSignedWith(old));
    }

    [Fact]
    public async Task Only_types_that_were_asked_for_are_sent_and_the_cursor_passes_the_others()
    {
        await using var bench = await WebhookBench.StartAsync(database);
        await using var receiver = await ReceiverStandIn.StartAsync();
        var (some, _) = await bench.AddAsync(receiver.Url, EventTypes.DomainFailed);
        var replica = bench.NewReplica();
        await bench.TellAsync(120, EventTypes.OrderMoved);
        var told = await bench.TellAsync(EventTypes.DomainFailed);
        await bench.TellAsync(5, EventTypes.DomainActive);
        await WebhookBench.DrainAsync(replica);

        Assert.Equal([told], receiver.Taken);
        await using var db = bench.Open();
        Assert.Equal(await db.Events.MaxAsync(row => row.Id), (await bench.ReadAsync(some)).Cursor);
    }
}
