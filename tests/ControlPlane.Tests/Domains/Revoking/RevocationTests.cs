using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Domains.Revoking;
using ControlPlane.Nodes.Releases;

namespace ControlPlane.Tests.Domains.Revoking;

public sealed class RevocationTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    /// <summary>Fails when a served certificate is revoked before its successor is proven, or twice.</summary>
    [Fact]
    public async Task A_certificate_is_revoked_once_and_not_before_every_serving_node_has_proven_its_successor()
    {
        await using var bench = await RevocationBench.StartAsync(database);
        var old = await bench.Rekey.ServedAsync();
        Revocation? sent = null;
        bench.Path.Ca.OnRevoke = revocation =>
        {
            sent = revocation;
            return new RevocationAnswer(RevocationStanding.Revoked);
        };

        await bench.RequestAsync(old, RevocationReason.Superseded, atOnce: false);
        await bench.SweepAsync();
        await bench.SweepAsync();
        var waiting = await bench.RowAsync(old);
        Assert.Equal((RevocationState.WaitingForReplacement, 0), (waiting.State, bench.Asked("revoke")));
        Assert.Equal(2, (await bench.Rekey.OrdersAsync(old)).Count);

        var renewed = await bench.ReplaceAsync(old);
        await bench.SweepAsync();
        await bench.SweepAsync();

        var row = await bench.RowAsync(old);
        Assert.Equal((RevocationState.Revoked, renewed.Id), (row.State, row.OrderId));
        Assert.Equal((bench.Path.Clock.GetUtcNow(), row.RevokedAt), (row.ReplacedAt, row.ReplacedAt));
        Assert.Equal((RevocationReason.Superseded, 1), (sent!.Reason, bench.Asked("revoke")));
        Assert.Equal([EventTypes.CertificateRevoked], await bench.ToldAsync(old));
    }

    /// <summary>Fails when a compromised certificate waits for anything, when its successor is ordered before the CA
    /// was asked, or when its key is given to a node again.</summary>
    [Fact]
    public async Task At_once_means_the_CA_first_then_the_replacement_and_no_node_is_given_the_key_again()
    {
        await using var bench = await RevocationBench.StartAsync(database);
        var old = await bench.Rekey.ServedAsync();
        var releases = new ReleasableBundles(database.DataSource, bench.Path.Clock);
        Assert.Single(await releases.ReadAsync(bench.Path.FleetId, [old.DomainId], default));
        var ordersWhenAsked = 0;
        bench.Path.Ca.OnRevoke = _ =>
        {
            ordersWhenAsked = bench.Rekey.OrdersAsync(old).GetAwaiter().GetResult().Count;
            return new RevocationAnswer(RevocationStanding.Revoked);
        };

        await bench.RequestAsync(old, RevocationReason.KeyCompromise, atOnce: true);
        await bench.SweepAsync();

        var row = await bench.RowAsync(old);
        Assert.Equal((RevocationState.Revoked, null), (row.State, row.ReplacedAt));
        Assert.Equal((1, 2), (ordersWhenAsked, (await bench.Rekey.OrdersAsync(old)).Count));
        Assert.Empty(await releases.ReadAsync(bench.Path.FleetId, [old.DomainId], default));

        var renewed = await bench.ReplaceAsync(old);
        await bench.SweepAsync();
        Assert.NotNull((await bench.RowAsync(old)).ReplacedAt);
        var given = Assert.Single(await releases.ReadAsync(bench.Path.FleetId, [old.DomainId], default));
        Assert.Equal(renewed.BundleId, given.Bundle);
    }

    /// <summary>Fails when a lost answer is taken for done or for a refusal, when a CA is hammered, or when giving up
    /// goes untold.</summary>
    [Fact]
    public async Task A_CA_without_an_answer_is_asked_again_on_the_schedule_and_after_a_day_it_has_failed()
    {
        await using var bench = await RevocationBench.StartAsync(database);
        var old = await bench.Rekey.ServedAsync();
        bench.Path.Ca.OnRevoke = _ => throw StandInCa.Fault(CaFailure.NotDone);
        await bench.RequestAsync(old, RevocationReason.KeyCompromise, atOnce: true);
        var asked = bench.Path.Clock.GetUtcNow();

        await bench.SweepAsync();
        await bench.SweepAsync();
        Assert.Equal(1, bench.Asked("revoke"));
        while ((await bench.RowAsync(old)).State == RevocationState.Sending)
        {
            await bench.AskAgainAsync(old);
        }

        Assert.Equal(RevocationSchedule.AfterFault.Count + 1, bench.Asked("revoke"));
        Assert.InRange(bench.Path.Clock.GetUtcNow() - asked, TimeSpan.FromHours(23), TimeSpan.FromHours(24));
        var row = await bench.RowAsync(old);
        Assert.Equal(RevocationState.Failed, row.State);
        Assert.Contains("Said the stand-in.", row.Detail, StringComparison.Ordinal);
        Assert.Equal([EventTypes.RevocationFailed], await bench.ToldAsync(old));
    }

    [Fact]
    public async Task A_worker_killed_in_the_call_and_a_spent_budget_cost_a_pause_and_nothing_else()
    {
        await using var bench = await RevocationBench.StartAsync(database);
        var old = await bench.Rekey.ServedAsync();
        await bench.RequestAsync(old, RevocationReason.KeyCompromise, atOnce: true);
        bench.Path.Ca.OnRevoke = _ => throw new InvalidOperationException("Killed here.");
        await Assert.ThrowsAsync<InvalidOperationException>(bench.SweepAsync);
        Assert.Equal((RevocationState.Sending, 1), await StandingAsync());

        bench.Path.Ca.OnRevoke = _ => throw StandInCa.Fault(CaFailure.NoBudget, TimeSpan.FromMinutes(3));
        await bench.AskAgainAsync(old);
        var row = await bench.RowAsync(old);
        Assert.Equal((RevocationState.Sending, 1), await StandingAsync());
        Assert.Equal(bench.Path.Clock.GetUtcNow().AddMinutes(3), row.NextAttemptAt);

        bench.Path.Ca.OnRevoke = _ => new RevocationAnswer(RevocationStanding.Revoked);
        await bench.AskAgainAsync(old);
        Assert.Equal(RevocationState.Revoked, (await bench.RowAsync(old)).State);

        async Task<(RevocationState, int)> StandingAsync()
        {
            var present = await bench.RowAsync(old);
            return (present.State, present.Attempts);
        }
    }

    /// <summary>Fails when each look at an approval asks for another revocation.</summary>
    [Theory]
    [InlineData(nameof(RevocationStanding.Revoked), nameof(RevocationState.Revoked), EventTypes.CertificateRevoked)]
    [InlineData(nameof(RevocationStanding.Rejected), nameof(RevocationState.Failed), EventTypes.RevocationFailed)]
    public async Task Where_the_account_wants_an_approval_its_request_is_followed_until_somebody_decides(
        string decision, string ends, string told)
    {
        await using var bench = await RevocationBench.StartAsync(database);
        var old = await bench.Rekey.ServedAsync();
        var standing = new RevocationAnswer(RevocationStanding.AwaitingApproval, "730000001");
        (bench.Path.Ca.OnRevoke, bench.Path.Ca.OnApproval) = (_ => standing, () => standing);
        await bench.RequestAsync(old, RevocationReason.Superseded, atOnce: true);

        await bench.SweepAsync();
        await bench.AskAgainAsync(old);
        var row = await bench.RowAsync(old);
        Assert.Equal((RevocationState.AwaitingApproval, "730000001"), (row.State, row.CaRequest));

        standing = new RevocationAnswer(Enum.Parse<RevocationStanding>(decision));
        await bench.AskAgainAsync(old);

        Assert.Equal(Enum.Parse<RevocationState>(ends), (await bench.RowAsync(old)).State);
        Assert.Equal((1, 2), (bench.Asked("revoke"), bench.Asked("request 730000001")));
        Assert.Equal([EventTypes.RevocationAwaitsApproval, told], await bench.ToldAsync(old));
    }

    /// <summary>Fails when what a thief can read stays good: the certificates in use after their replacement, the
    /// others at once, and no other.</summary>
    [Fact]
    public async Task A_ban_has_every_certificate_revoked_whose_key_the_node_could_read()
    {
        await using var bench = await RevocationBench.StartAsync(database);
        var served = await bench.Rekey.ServedAsync();
        var unread = await bench.Rekey.ServedAsync(isReadByStolen: false);
        var gone = await bench.Rekey.ServedAsync();
        await bench.Path.SqlAsync($"UPDATE desired_state SET bundle_id = NULL WHERE domain_id = {gone.DomainId}");
        await bench.Path.SqlAsync(
            $"""
             UPDATE domains SET active_bundle_id = NULL, status = 'Deleted', deleted_at = now()
             WHERE id = {gone.DomainId}
             """);

        await bench.Rekey.BanAsync();
        await bench.Rekey.BanAsync();
        await bench.Rekey.SweepAsync();
        await bench.SweepAsync();

        Assert.Equal(RevocationState.WaitingForReplacement, (await bench.RowAsync(served)).State);
        Assert.Equal(RevocationState.Revoked, (await bench.RowAsync(gone)).State);
        Assert.Equal(2, await bench.Path.ValueAsync<int>($"""SELECT count(*)::int AS "Value" FROM revocations"""));
        // One order, and it is the rekey's.
        Assert.Equal(2, (await bench.Rekey.OrdersAsync(served)).Count);
        Assert.Single(await bench.Rekey.OrdersAsync(unread));

        await bench.ReplaceAsync(served);
        await bench.SweepAsync();
        var row = await bench.RowAsync(served);
        Assert.Equal((RevocationState.Revoked, RevocationReason.KeyCompromise), (row.State, row.Reason));
        Assert.Equal([EventTypes.RevocationRequested, EventTypes.CertificateRevoked], await bench.ToldAsync(served));
    }

    /// <summary>Fails when a certificate whose key is in other hands stays good because its revocation was asked for
    /// before, and given up, or stands in the CA's list for a harmless reason.</summary>
    [Fact]
    public async Task A_ban_tries_again_what_was_given_up_and_makes_every_reason_its_own()
    {
        await using var bench = await RevocationBench.StartAsync(database);
        Order[] served = [await bench.Rekey.ServedAsync(), await bench.Rekey.ServedAsync()];
        foreach (var order in served)
        {
            await bench.RequestAsync(order, RevocationReason.Superseded, atOnce: false);
        }

        await bench.Path.SqlAsync(
            $"UPDATE revocations SET state = 'Failed', detail = 'Rejected.' WHERE bundle_id = {served[1].BundleId}");
        await bench.Rekey.BanAsync();

        foreach (var order in served)
        {
            var row = await bench.RowAsync(order);
            Assert.Equal(
                (RevocationState.WaitingForReplacement, RevocationReason.KeyCompromise), (row.State, row.Reason));
        }

        // Of what was to be revoked at once, or is replaced, the CA is asked at once.
        await bench.Path.SqlAsync(
            $"UPDATE revocations SET state = 'Failed', detail = 'Rejected.', replaced_at = now() WHERE NOT at_once");
        await bench.Rekey.BanAsync();
        await bench.SweepAsync();
        Assert.Equal(RevocationState.Revoked, (await bench.RowAsync(served[0])).State);
        Assert.Equal(2, bench.Asked("revoke"));
        await bench.Rekey.BanAsync();
        Assert.Equal(RevocationState.Revoked, (await bench.RowAsync(served[1])).State);
    }

    [Fact]
    public async Task A_replacement_that_fails_is_ordered_again_later_and_the_certificate_stays_good_until_then()
    {
        await using var bench = await RevocationBench.StartAsync(database);
        var old = await bench.Rekey.ServedAsync();
        await bench.RequestAsync(old, RevocationReason.Superseded, atOnce: false);
        await bench.SweepAsync();
        var failed = (await bench.Rekey.OrdersAsync(old))[^1];
        await bench.Path.SqlAsync(
            $"UPDATE orders SET state = 'Failed', closed_at = now(), reason = 'ca-refused' WHERE id = {failed.Id}");

        await bench.SweepAsync();
        Assert.Equal(2, (await bench.Rekey.OrdersAsync(old)).Count);
        bench.Path.Clock.Advance(RevocationSchedule.AfterFailedOrder[0]);
        await bench.SweepAsync();

        Assert.Equal(3, (await bench.Rekey.OrdersAsync(old)).Count);
        Assert.Equal(RevocationState.WaitingForReplacement, (await bench.RowAsync(old)).State);
        Assert.Equal(0, bench.Asked("revoke"));
    }

    [Fact]
    public async Task A_deleted_domain_has_nothing_to_wait_for_and_what_ended_is_not_revoked_any_more()
    {
        await using var bench = await RevocationBench.StartAsync(database);
        var (deleted, ended) = (await bench.Rekey.ServedAsync(), await bench.Rekey.ServedAsync());
        await bench.RequestAsync(deleted, RevocationReason.CessationOfOperation, atOnce: false);
        await bench.RequestAsync(ended, RevocationReason.Superseded, atOnce: false);
        await bench.Path.SqlAsync($"UPDATE domains SET status = 'Deleting' WHERE id = {deleted.DomainId}");
        await bench.Path.SqlAsync(
            $"UPDATE bundles SET not_after = {bench.Path.Clock.GetUtcNow()} WHERE id = {ended.BundleId}");

        await bench.SweepAsync();

        Assert.Equal(RevocationState.Revoked, (await bench.RowAsync(deleted)).State);
        Assert.Single(await bench.Rekey.OrdersAsync(deleted));
        Assert.Equal(RevocationState.Failed, (await bench.RowAsync(ended)).State);
        Assert.Equal([EventTypes.RevocationFailed], await bench.ToldAsync(ended));
    }
}
