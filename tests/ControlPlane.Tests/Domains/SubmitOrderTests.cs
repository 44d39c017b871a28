using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;

namespace ControlPlane.Tests.Domains;

/// <summary>The one step that spends money.</summary>
public sealed class SubmitOrderTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task The_key_is_sealed_and_the_intent_committed_before_the_paid_call_leaves()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingOrder);
        Order? during = null;
        bench.Ca.OnPlace = async _ =>
        {
            during = await bench.ReadAsync(order);
            return new PlacedOrder("ca-7", "cert-7", new DcvToken("value-7", null));
        };

        var after = await bench.TurnAsync(order);

        Assert.NotNull(during!.SubmittedAt);
        using var key = await bench.Vault.OpenAsync(during.KeyId!.Value, default);
        Assert.Equal(OrderState.PendingValidation, after.State);
        Assert.Equal(("ca-7", "cert-7", "value-7"), (after.CaOrderId, after.CaCertificateId, after.DcvValue));
        var paid = Assert.Single(bench.Ca.Paid);
        Assert.Equal((order.Id, order.Hostname, CallPriority.New), (paid.Order, paid.Hostname, paid.Priority));
        Assert.Equal(during.Csr, paid.Csr);
        Assert.Equal(["ca-7"], await bench.SeenAsync(order));
        Assert.Null(after.LeaseToken);
    }

    [Fact]
    public async Task A_name_that_came_with_a_file_leaves_the_reserved_calls_to_those_who_wait()
    {
        await using var bench = await PathBench.StartAsync(database);
        await bench.TurnAsync(await bench.OrderAsync(OrderState.PendingOrder, order => order.InBulk = true));
        Assert.Equal(CallPriority.Renewal, Assert.Single(bench.Ca.Paid).Priority);
    }

    [Fact]
    public async Task After_a_lost_answer_the_order_is_looked_up_and_adopted_and_never_paid_twice()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingOrder);
        bench.Ca.OnPlace = _ => throw StandInCa.Fault(CaFailure.AnswerLost);

        var lost = await bench.TurnAsync(order);
        Assert.Equal(("ca-answer-lost", 0), (lost.Reason, lost.Attempts));
        Assert.Equal(bench.Clock.GetUtcNow().AddSeconds(10), lost.NextAttemptAt);
        Assert.Empty(bench.Ca.Asked);

        bench.Clock.Advance(TimeSpan.FromSeconds(10));
        var first = await bench.TurnAsync(order);
        Assert.Equal(lost.SubmittedAt!.Value.AddMinutes(1), first.NextAttemptAt);

        bench.Ca.OnFind = _ =>
            [StandInCa.Told(CaOrderStatus.Closed, "ca-8"), StandInCa.Told(CaOrderStatus.Pending, "ca-9")];
        bench.Clock.Advance(TimeSpan.FromSeconds(50));
        var adopted = await bench.TurnAsync(order);

        Assert.Equal((OrderState.PendingValidation, "ca-9"), (adopted.State, adopted.CaOrderId));
        Assert.Single(bench.Ca.Paid);
        Assert.Equal(["find", "find"], bench.Ca.Asked);
    }

    [Fact]
    public async Task What_a_worker_without_a_lease_has_noted_down_already_can_still_be_adopted()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingOrder);
        bench.Ca.OnPlace = _ => throw StandInCa.Fault(CaFailure.AnswerLost);
        await bench.TurnAsync(order);
        await bench.SqlAsync(
            $"""
             INSERT INTO ca_orders_seen (order_id, ca_order_id, seen_at)
             VALUES ({order.Id}, 'ca-9', {bench.Clock.GetUtcNow()})
             """);
        bench.Ca.OnFind = _ => [StandInCa.Told(CaOrderStatus.Pending, "ca-9")];

        bench.Clock.Advance(TimeSpan.FromSeconds(10));
        var adopted = await bench.TurnAsync(order);

        Assert.Equal((OrderState.PendingValidation, "ca-9"), (adopted.State, adopted.CaOrderId));
    }

    [Fact]
    public async Task Not_found_by_any_look_up_it_is_placed_once_more_under_the_same_alternative_id()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingOrder);
        bench.Ca.OnPlace = request => bench.Ca.Paid.Count == 1
            ? throw StandInCa.Fault(CaFailure.AnswerLost)
            : Task.FromResult(new PlacedOrder("ca-2", null, null));

        var after = await bench.TurnUntilMovedAsync(order);

        Assert.Equal((OrderState.PendingValidation, "ca-2"), (after.State, after.CaOrderId));
        Assert.Equal(["find", "find", "find", "find"], bench.Ca.Asked);
        Assert.Equal([order.Id, order.Id], bench.Ca.Paid.Select(paid => paid.Order));
        var (first, second) = (bench.Ca.Paid.First(), bench.Ca.Paid.Last());
        Assert.Equal(first.Csr, second.Csr);
        Assert.True(bench.Clock.GetUtcNow() - order.CreatedAt >= TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task A_second_lost_answer_is_swept_again_from_the_start()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingOrder);
        bench.Ca.OnPlace = _ => throw StandInCa.Fault(CaFailure.AnswerLost);
        await bench.TurnAsync(order);
        await bench.SqlAsync(
            $"UPDATE orders SET sweeps = 2, submitted_at = NULL, next_attempt_at = {bench.Clock.GetUtcNow()}");

        var lost = await bench.TurnAsync(order);

        Assert.Equal((0, bench.Clock.GetUtcNow()), (lost.Sweeps, lost.UncertainSince));
    }

    [Theory]
    [InlineData(nameof(CaFailure.NotDone), "ca-not-reachable", 120)]
    [InlineData(nameof(CaFailure.CredentialRefused), "ca-credential-refused", 60)]
    public async Task What_the_ca_did_not_do_costs_no_attempt_and_is_simply_placed_later(
        string failure, string reason, int wait)
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingOrder);
        bench.Ca.OnPlace = _ => bench.Ca.Paid.Count == 1
            ? throw StandInCa.Fault(Enum.Parse<CaFailure>(failure), TimeSpan.FromSeconds(120))
            : Task.FromResult(new PlacedOrder("ca-2", null, null));

        var waiting = await bench.TurnAsync(order);
        Assert.Equal((reason, 0, 1), (waiting.Reason, waiting.Attempts, waiting.Snoozes));
        Assert.Equal(bench.Clock.GetUtcNow().AddSeconds(wait), waiting.NextAttemptAt);

        bench.Clock.Advance(TimeSpan.FromSeconds(wait));
        var after = await bench.TurnAsync(order);
        Assert.Equal(OrderState.PendingValidation, after.State);
        Assert.Empty(bench.Ca.Asked);
        Assert.Equal(waiting.KeyId, after.KeyId);
    }

    [Fact]
    public async Task A_refused_order_fails_with_a_reason_and_is_not_placed_again()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingOrder);
        bench.Ca.OnPlace = _ => throw StandInCa.Fault(CaFailure.Refused);

        var failed = await bench.TurnAsync(order);

        Assert.Equal((OrderState.Failed, "ca-refused"), (failed.State, failed.Reason));
        Assert.Equal(DomainStatus.Failed, failed.Domain.Status);
        Assert.Null(failed.NextAttemptAt);
        Assert.Single(bench.Ca.Paid);
    }

    [Fact]
    public async Task A_worker_killed_after_its_intent_leaves_an_order_that_is_looked_up_first()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingOrder, Announced);
        bench.Ca.OnFind = _ => [StandInCa.Told(CaOrderStatus.Pending, "ca-9")];

        var waiting = await bench.TurnAsync(order);
        Assert.Equal("ca-answer-lost", waiting.Reason);
        Assert.NotNull(waiting.UncertainSince);

        bench.Clock.Advance(TimeSpan.FromSeconds(10));
        var adopted = await bench.TurnAsync(order);

        Assert.Equal((OrderState.PendingValidation, "ca-9"), (adopted.State, adopted.CaOrderId));
        Assert.Empty(bench.Ca.Paid);
    }

    [Fact]
    public async Task No_money_is_spent_on_a_lease_that_may_end_during_the_call()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingOrder);
        bench.Ca.PlaceOrderTimeout = PathBench.Lease - TimeSpan.FromSeconds(10);

        var after = await bench.TurnAsync(order);

        Assert.Empty(bench.Ca.Paid);
        Assert.Equal((OrderState.PendingOrder, "surprise", 1), (after.State, after.Reason, after.Attempts));
    }

    [Fact]
    public async Task An_answer_that_arrives_while_the_program_stops_is_still_recorded()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingOrder);
        using var stop = new CancellationTokenSource();
        bench.Ca.OnPlace = async _ =>
        {
            await stop.CancelAsync();
            return new PlacedOrder("ca-7", null, null);
        };

        await bench.Runner.RunAsync(
            await bench.ClaimAsync(order), PathBench.Lease, bench.Clock.GetTimestamp(), stop.Token);

        Assert.Equal("ca-7", (await bench.ReadAsync(order)).CaOrderId);
    }

    [Fact]
    public async Task A_worker_that_wakes_past_its_lease_changes_nothing_but_its_ca_id_is_kept()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingOrder);
        Order? taken = null;
        bench.Ca.OnPlace = async _ =>
        {
            await bench.SqlAsync(
                $"UPDATE orders SET lease_until = clock_timestamp() - interval '1 s' WHERE id = {order.Id}");
            taken = await bench.ClaimAsync(order);
            return new PlacedOrder("ca-late", null, null);
        };

        var after = await bench.TurnAsync(order);

        Assert.Equal(
            (OrderState.PendingOrder, (string?)null, taken!.LeaseToken),
            (after.State, after.CaOrderId, after.LeaseToken));
        Assert.Equal(["ca-late"], await bench.SeenAsync(order));
        Assert.DoesNotContain(EventTypes.OrderPlaced, await bench.EventsAsync(order));
    }

    private static void Announced(Order order)
    {
        using var key = OrderKey.Make(order.Hostname, KeyAlgorithm.EcdsaP256);
        (order.KeyId, order.Csr, order.SubmittedAt) = (Guid.NewGuid(), key.Csr, order.CreatedAt);
    }
}
