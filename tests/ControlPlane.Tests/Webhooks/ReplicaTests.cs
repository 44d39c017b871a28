using ControlPlane.Domains.Reading;
using ControlPlane.Vault;
using ControlPlane.Webhooks;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Tests.Webhooks;

/// <summary>Several replicas, some that die or fall asleep in between, and events committed late.</summary>
public sealed class ReplicaTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task Two_replicas_send_each_event_once_and_never_two_at_once_to_one_receiver()
    {
        await using var bench = await WebhookBench.StartAsync(database);
        var receivers = new List<ReceiverStandIn>();
        for (var n = 0; n < 4; n++)
        {
            receivers.Add(await ReceiverStandIn.StartAsync());
            await bench.AddAsync(receivers[n].Url);
        }

        // One fails now and then, at the first attempt.
        var failed = new HashSet<string>();
        receivers[0].Answer = (_, id) => Task.FromResult(
            id.GetHashCode(StringComparison.Ordinal) % 4 == 0 && failed.Add(id) ? 500 : 200);
        var (one, two) = (bench.NewReplica(), bench.NewReplica());
        var told = new List<string>();
        for (var round = 0; round < 4; round++)
        {
            told.AddRange(await bench.TellAsync(30));
            bench.Clock.Advance(TimeSpan.FromSeconds(20));
            await Task.WhenAll(WebhookBench.DrainAsync(one), WebhookBench.DrainAsync(two));
        }

        bench.Clock.Advance(TimeSpan.FromSeconds(20));
        await Task.WhenAll(WebhookBench.DrainAsync(one), WebhookBench.DrainAsync(two));
        await WebhookBench.DrainAsync(one);
        Assert.Equal(told.Order(), receivers[0].Taken.Order());
        Assert.All(receivers.Skip(1), receiver => Assert.Equal(told, receiver.Taken));
        Assert.All(receivers, receiver => Assert.Equal(1, receiver.MostAtOnce));
        foreach (var receiver in receivers)
        {
            await receiver.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_replica_that_dies_between_answer_and_record_costs_one_repeat_under_the_same_id()
    {
        await using var bench = await WebhookBench.StartAsync(database);
        await using var receiver = await ReceiverStandIn.StartAsync();
        var (webhook, _) = await bench.AddAsync(receiver.Url);
        var told = await bench.TellAsync(3);
        var stuck = new TaskCompletionSource();
        receiver.Answer = async (_, _) =>
        {
            await stuck.Task;
            return 200;
        };
        var dying = bench.NewReplica();
        var turn = Assert.Single(await dying.LookAsync(default));
        await Eventually.TrueAsync(() => Task.FromResult(receiver.MostAtOnce == 1), "the post is under way");

        // Its lease stands: nobody else sends.
        var other = bench.NewReplica();
        Assert.Empty(await other.LookAsync(default));

        // What it hears from now on it can record no more: for the database it is dead.
        await bench.EndLeaseAsync(webhook);
        receiver.Answer = (_, _) => Task.FromResult(200);
        bench.Clock.Advance(TimeSpan.FromSeconds(5));
        await WebhookBench.DrainAsync(other);
        Assert.Equal(told, receiver.Taken);
        var cursor = (await bench.ReadAsync(webhook)).Cursor;
        stuck.SetResult();
        await turn;

        Assert.Equal(cursor, (await bench.ReadAsync(webhook)).Cursor);
        Assert.Equal([.. told, told[0]], receiver.Taken);
        Assert.Empty(await bench.DeliveriesAsync(webhook));
        bench.Clock.Advance(TimeSpan.FromDays(1));
        await WebhookBench.DrainAsync(dying);
        await WebhookBench.DrainAsync(other);
        Assert.Equal(4, receiver.Heard.Count);
    }

    [Fact]
    public async Task A_resend_of_all_since_an_event_is_not_undone_by_a_post_that_was_under_way()
    {
        await using var bench = await WebhookBench.StartAsync(database);
        await using var receiver = await ReceiverStandIn.StartAsync();
        var (webhook, _) = await bench.AddAsync(receiver.Url);
        var from = webhook.Cursor;
        var told = await bench.TellAsync(3);
        var replica = bench.NewReplica();
        await WebhookBench.DrainAsync(replica);
        var last = await bench.TellAsync();
        receiver.Answer = async (_, id) =>
        {
            await bench.ChangeAsync(webhook, row => row.Rewind(from));
            receiver.Answer = (_, _) => Task.FromResult(200);
            return 200;
        };

        await WebhookBench.DrainAsync(replica);

        Assert.Equal([.. told, last, .. told, last], receiver.Taken);
    }

    /// <summary>Numbers are given before the commit. Fails when the feed shows an event as soon as all transactions
    /// older than its own have ended: a younger one may hold a smaller number.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_event_that_is_committed_late_is_not_skipped(bool lateIsYounger)
    {
        await using var bench = await WebhookBench.StartAsync(database);
        await using var receiver = await ReceiverStandIn.StartAsync();
        await bench.AddAsync(receiver.Url);
        var replica = bench.NewReplica();
        await bench.TellAsync();
        await WebhookBench.DrainAsync(replica);
        var before = receiver.Taken.Count;

        await using var late = await database.DataSource.OpenConnectionAsync();
        await using var early = await database.DataSource.OpenConnectionAsync();
        foreach (var connection in lateIsYounger ? new[] { early, late } : [late, early])
        {
            await RunAsync(connection, "BEGIN");
            // Any write gives the transaction its id.
            await RunAsync(connection, "SELECT pg_current_xact_id()");
        }

        var smaller = await TellAsync(late, bench);
        var greater = await TellAsync(early, bench);
        Assert.True(smaller < greater);
        await RunAsync(early, "COMMIT");
        for (var look = 0; look < 3; look++)
        {
            await WebhookBench.DrainAsync(replica);
        }

        await using var db = bench.Open();
        Assert.True(await EventFeed.SettledToAsync(db, default) < smaller);
        Assert.Equal(before, receiver.Taken.Count);

        await RunAsync(late, "COMMIT");
        await Eventually.TrueAsync(async () =>
        {
            await WebhookBench.DrainAsync(replica);
            return receiver.Taken.Count == before + 2;
        });
        Assert.Equal(
            [smaller, greater], receiver.Taken.Skip(before).Select(id => long.Parse(id.Split('_')[1])));
    }

    /// <summary>Fails when a replica whose slots are all taken gives back none, and breaks on it.</summary>
    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(9)]
    public async Task As_many_due_webhooks_as_a_replica_has_slots_and_more_are_all_told(int count)
    {
        await using var bench = await WebhookBench.StartAsync(database);
        await using var receiver = await ReceiverStandIn.StartAsync();
        for (var n = 0; n < count; n++)
        {
            await bench.AddAsync($"{receiver.Url}/{n}");
        }

        var replica = bench.NewReplica(slots: 4);
        for (var round = 1; round <= 3; round++)
        {
            await bench.TellAsync();
            var turns = await replica.LookAsync(default);
            Assert.Equal(4, turns.Count);
            await Task.WhenAll(turns);
            await WebhookBench.DrainAsync(replica);
            Assert.Equal(round * count, receiver.Taken.Count);
        }
    }

    [Fact]
    public async Task A_look_while_every_slot_is_taken_takes_nothing_and_the_next_goes_on()
    {
        await using var bench = await WebhookBench.StartAsync(database);
        await using var receiver = await ReceiverStandIn.StartAsync();
        await bench.AddAsync(receiver.Url);
        await bench.AddAsync(receiver.Url);
        await bench.TellAsync();
        var stuck = new TaskCompletionSource();
        receiver.Answer = async (_, _) =>
        {
            await stuck.Task;
            return 200;
        };
        var replica = bench.NewReplica(slots: 1);
        var turn = Assert.Single(await replica.LookAsync(default));
        Assert.Empty(await replica.LookAsync(default));
        stuck.SetResult();
        await turn;
        await WebhookBench.DrainAsync(replica);
        Assert.Equal(2, receiver.Taken.Count);
    }

    [Fact]
    public async Task A_receiver_that_is_always_furthest_behind_does_not_go_before_the_others()
    {
        await using var bench = await WebhookBench.StartAsync(database);
        await using var slow = await ReceiverStandIn.StartAsync();
        await using var other = await ReceiverStandIn.StartAsync();
        var (behind, _) = await bench.AddAsync(slow.Url);
        await bench.TellAsync();
        await bench.AddAsync(other.Url);
        await bench.TellAsync();
        var replica = bench.NewReplica(slots: 1);
        await Assert.Single(await replica.LookAsync(default));
        Assert.NotEmpty(slow.Taken);
        await bench.ChangeAsync(behind, row => row.Rewind(behind.Cursor));
        Assert.Empty(other.Taken);
        await Assert.Single(await replica.LookAsync(default));
        Assert.Single(other.Taken);
    }

    [Fact]
    public async Task A_replica_without_the_keys_makes_secrets_that_only_the_others_open()
    {
        await using var bench = await WebhookBench.StartAsync(database);
        var closed = new KeyRing(new AbsentKey());
        var portal = new ControlPlane.Webhooks.Sending.SecretSeal(
            bench, new PostgresVault(bench, closed, bench.Clock), closed, bench.Clock);
        Assert.Null(await portal.MakeAsync(Guid.NewGuid(), default));

        Assert.True(await bench.Seal.PrepareAsync(default));
        await using var receiver = await ReceiverStandIn.StartAsync();
        var (webhook, _) = await bench.AddAsync(receiver.Url);
        var (row, secret) = (await portal.MakeAsync(webhook.Id, default))!.Value;
        await using (var db = bench.Open())
        {
            await db.WebhookSecrets.ExecuteDeleteAsync();
            db.Add(row);
            await db.SaveChangesAsync();
        }

        await Assert.ThrowsAsync<VaultException>(() => portal.OpenAsync(webhook.Id, default));
        await bench.TellAsync();
        await WebhookBench.DrainAsync(bench.NewReplica());
        Assert.True(Assert.Single(receiver.Heard).IsSignedWith(WebhookSecrets.Reveal(secret)));

        // A secret that is moved to another webhook opens no more.
        var (other, _) = await bench.AddAsync(receiver.Url);
        await using (var db = bench.Open())
        {
            await db.Database.ExecuteSqlAsync($"UPDATE webhook_secrets SET webhook_id = {other.Id}");
        }

        await Assert.ThrowsAsync<VaultException>(() => bench.Seal.OpenAsync(other.Id, default));
    }

    private static async Task<long> TellAsync(NpgsqlConnection connection, WebhookBench bench)
    {
        await using var command = new NpgsqlCommand(
            "INSERT INTO events (at, tenant_id, type, message) VALUES ($1, $2, 'domain.active', 'Late.') RETURNING id",
            connection);
        command.Parameters.Add(new() { Value = bench.Clock.GetUtcNow() });
        command.Parameters.Add(new() { Value = bench.TenantId });
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
