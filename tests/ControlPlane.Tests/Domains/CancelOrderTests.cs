using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using ControlPlane.Domains.Running;
using ControlPlane.Nodes;
using ControlPlane.TokenStore;
using ControlPlane.Vault;

namespace ControlPlane.Tests.Domains;

/// <summary>DELETE in each state leaves nothing: at the CA, in the token store, on a node, in the vault.</summary>
public sealed class CancelOrderTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Theory]
    [InlineData(nameof(OrderState.PendingDns), "")]
    [InlineData(nameof(OrderState.PendingOrder), "")]
    [InlineData(nameof(OrderState.PendingValidation), "ca-1")]
    [InlineData(nameof(OrderState.PendingIssuance), "ca-1")]
    [InlineData(nameof(OrderState.Failed), "")]
    public async Task Before_there_is_a_bundle_order_token_and_key_are_taken_back(string state, string canceledAtCa)
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(Enum.Parse<OrderState>(state), row =>
            row.TokenPublishedAt = row.CaOrderId is null ? null : row.CreatedAt);
        await bench.Tokens.PublishAsync(
            order.Hostname, order.Sequence, "value", bench.Clock.GetUtcNow().AddDays(1), default);
        await DeleteAsync(bench, order);
        bench.Ca.OnFind = _ => order.CaOrderId is null ? [] : [StandInCa.Told(CaOrderStatus.Pending)];

        var ended = await bench.TurnUntilMovedAsync(await bench.ReadAsync(order));
        ended = ended.State == OrderState.Canceling ? await bench.TurnUntilMovedAsync(ended) : ended;

        Assert.Equal((OrderState.Canceled, DomainStatus.Deleted), (ended.State, ended.Domain.Status));
        Assert.Equal(canceledAtCa, string.Join(' ', bench.Ca.Canceled));
        if (order.KeyId is { } key)
        {
            await Assert.ThrowsAsync<VaultException>(() => bench.Vault.OpenAsync(key, default));
            Assert.Empty(await bench.Tokens.ListAsync(default));
        }

        await NameIsFreeAsync(bench, order);
    }

    [Theory]
    [InlineData(nameof(OrderState.PendingDeployment))]
    [InlineData(nameof(OrderState.Active))]
    public async Task A_bundle_is_taken_off_every_serving_node_before_its_key_goes(string state)
    {
        await using var bench = await PathBench.StartAsync(database);
        var (a, _) = await bench.NodeAsync("a");
        await bench.NodeAsync("b", NodeStanding.Lost);
        var order = await bench.OrderAsync(Enum.Parse<OrderState>(state));
        await bench.ReportAsync(a, order, await bench.FingerprintAsync(order));
        await DeleteAsync(bench, order);
        order = await bench.ReadAsync(order);
        order = order.State == OrderState.Canceling ? order : await bench.TurnUntilMovedAsync(order);

        var waiting = await bench.TurnAsync(order);
        Assert.Equal((OrderState.Canceling, "nodes-withdrawing"), (waiting.State, waiting.Reason));
        Assert.True(waiting.NextAttemptAt > bench.Clock.GetUtcNow(), "A wait is a wait, also while canceling.");
        // One of too many: it waits for an admin, and says so.
        await bench.SqlAsync($"UPDATE desired_changes SET held_at = now() WHERE domain_id = {order.DomainId}");
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("withdrawals-held", (await bench.TurnAsync(waiting)).Reason);
        await bench.PublishAsync();
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(OrderState.Canceling, (await bench.TurnAsync(order)).State);
        using (await bench.Vault.OpenAsync(order.KeyId!.Value, default))
        {
            await bench.ReportAsync(a, order, fingerprint: null);
        }

        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        var ended = await bench.TurnAsync(order);

        Assert.Equal((OrderState.Canceled, DomainStatus.Deleted), (ended.State, ended.Domain.Status));
        Assert.Equal("Taken off a; not there to ask: b.", ended.Domain.DeletionReceipt);
        Assert.Null(ended.Domain.ActiveBundleId);
        await Assert.ThrowsAsync<VaultException>(() => bench.Vault.OpenAsync(order.KeyId!.Value, default));
        Assert.Empty(bench.Ca.Asked);
        await NameIsFreeAsync(bench, order);
    }

    [Fact]
    public async Task The_order_we_know_of_is_canceled_even_when_the_ca_does_not_list_it_yet()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingValidation, Canceling);

        var ended = await bench.TurnAsync(order);

        Assert.Equal(OrderState.Canceled, ended.State);
        Assert.Equal([StandInCa.OrderId], bench.Ca.Canceled);
    }

    [Fact]
    public async Task After_a_lost_answer_the_sweep_is_left_to_find_what_turns_up_later()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingOrder, row =>
        {
            using var key = OrderKey.Make(row.Hostname, KeyAlgorithm.EcdsaP256);
            (row.KeyId, row.Csr, row.SubmittedAt, row.Sweeps) = (Guid.NewGuid(), key.Csr, row.CreatedAt, 2);
            Canceling(row);
        });

        var ended = await bench.TurnAsync(order);

        Assert.Equal((OrderState.Canceled, 0), (ended.State, ended.Sweeps));
        Assert.NotNull(ended.UncertainSince);
    }

    [Fact]
    public async Task A_ca_that_is_away_is_waited_for_and_not_asked_without_pause()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingValidation, Canceling);
        bench.Ca.OnFind = _ => throw StandInCa.Fault(CaFailure.NotDone);

        var waiting = await bench.TurnAsync(order);

        Assert.Equal((OrderState.Canceling, "ca-not-reachable", 0), (waiting.State, waiting.Reason, waiting.Attempts));
        Assert.True(waiting.NextAttemptAt > bench.Clock.GetUtcNow());
    }

    [Fact]
    public async Task An_order_that_cannot_be_canceled_is_tried_again_for_ever_and_at_its_own_pace()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingValidation, row =>
        {
            Canceling(row);
            row.Attempts = RetrySchedules.AfterSurprise.Count + 3;
        });
        bench.Ca.OnFind = _ => throw new InvalidOperationException("Nobody foresaw this.");

        var waiting = await bench.TurnAsync(order);

        Assert.Equal((OrderState.Canceling, "surprise"), (waiting.State, waiting.Reason));
        Assert.Equal(bench.Clock.GetUtcNow().AddDays(1), waiting.NextAttemptAt);
        Assert.Null(waiting.LeaseToken);
    }

    [Fact]
    public async Task A_CA_that_refuses_to_cancel_is_asked_again_within_minutes()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingValidation, row =>
        {
            Canceling(row);
            row.Snoozes = 100;
        });
        bench.Ca.OnFind = _ => throw StandInCa.Fault(CaFailure.Refused);

        var waiting = await bench.TurnAsync(order);

        Assert.Equal((OrderState.Canceling, "ca-refused", 0), (waiting.State, waiting.Reason, waiting.Attempts));
        Assert.Equal(bench.Clock.GetUtcNow().AddMinutes(10), waiting.NextAttemptAt);
        Assert.Null(waiting.LeaseToken);
    }

    [Fact]
    public async Task A_deletion_that_comes_while_a_step_fails_does_not_wait_for_the_schedule_of_failures()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(
            OrderState.PendingDns, row => row.Attempts = RetrySchedules.AfterSurprise.Count - 1);
        var step = new FailingStep(() => DeleteAsync(bench, order));

        await bench.NewRunner(step).RunAsync(
            await bench.ClaimAsync(order), PathBench.Lease, bench.Clock.GetTimestamp(), default);

        Assert.Equal(bench.Clock.GetUtcNow(), (await bench.ReadAsync(order)).NextAttemptAt);
    }

    [Fact]
    public async Task The_name_is_free_with_the_last_order_of_its_domain()
    {
        await using var bench = await PathBench.StartAsync(database);
        var first = await bench.OrderAsync(OrderState.PendingDns, Canceling);
        var second = await bench.OrderAsync(OrderState.PendingDns, Canceling, first.Domain);
        await bench.SqlAsync($"UPDATE domains SET status = 'Deleting'");

        Assert.Equal(DomainStatus.Deleting, (await bench.TurnAsync(first)).Domain.Status);
        Assert.Equal(DomainStatus.Deleted, (await bench.TurnAsync(second)).Domain.Status);
    }

    private static void Canceling(Order order)
    {
        order.CancelRequestedAt = order.CreatedAt;
        order.MoveTo(OrderState.Canceling, order.CreatedAt);
    }

    /// <summary>What a DELETE writes.</summary>
    private static async Task DeleteAsync(PathBench bench, Order order)
    {
        await using var db = bench.Open();
        var row = await db.Orders.FindAsync(order.Id);
        row!.CancelRequestedAt = bench.Clock.GetUtcNow();
        if (!IssuancePath.HasStep(row.State))
        {
            row.MoveTo(OrderState.Canceling, bench.Clock.GetUtcNow());
        }

        row.NextAttemptAt = bench.Clock.GetUtcNow();
        await db.SaveChangesAsync();
        await bench.SqlAsync($"UPDATE domains SET status = 'Deleting' WHERE id = {order.DomainId}");
    }

    /// <summary>Stands for every step.</summary>
    private sealed class FailingStep(Func<Task> meanwhile) : IStep, IServiceProvider
    {
        public object GetService(Type serviceType) => this;

        public async Task<StepResult> RunAsync(OrderRun run, CancellationToken ct)
        {
            await meanwhile();
            throw new InvalidOperationException("Nobody foresaw this.");
        }
    }

    private static Task NameIsFreeAsync(PathBench bench, Order order) => bench.SqlAsync(
        $"""
         INSERT INTO domains (id, tenant_id, fleet_id, hostname, key_algorithm, status, created_at)
         SELECT gen_random_uuid(), tenant_id, fleet_id, hostname, key_algorithm, 'Pending', created_at
         FROM domains WHERE id = {order.DomainId}
         """);
}
