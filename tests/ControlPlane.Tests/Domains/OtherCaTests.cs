using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.TokenStore;

namespace ControlPlane.Tests.Domains;

/// <summary>What the path does where a CA is not like CertCentral: it looks elsewhere for the token or not at all,
/// takes its time over it, ends an order at one failed look, and takes orders for nothing.</summary>
public sealed class OtherCaTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task The_token_is_published_and_fetched_back_where_the_ca_looks()
    {
        await using var bench = await PathBench.StartAsync(database);
        var (_, node) = await bench.NodeAsync("a");
        bench.Ca.TokenPlace = TokenPlace.AcmeChallenge;
        bench.Ca.OnToken = () => new DcvToken("token.thumbprint", bench.Clock.GetUtcNow().AddDays(7));
        var order = await bench.OrderAsync(OrderState.PendingValidation);

        var moved = await bench.TurnAsync(order);

        Assert.Equal((OrderState.PendingIssuance, 1), (moved.State, node.Asked));
        var file = Assert.Single(Directory.GetFiles(Path.Combine(bench.TokenFolder, order.Hostname)));
        Assert.Equal($"{order.Sequence}.acme", Path.GetFileName(file));
        Assert.Equal("token token.thumbprint", (await File.ReadAllLinesAsync(file))[0]);
        Assert.Equal([(order.Hostname, order.Sequence)], await bench.Tokens.ListAsync(default));
        await bench.Tokens.WithdrawAsync(order.Hostname, order.Sequence, default);
        Assert.Empty(await bench.Tokens.ListAsync(default));
    }

    [Fact]
    public async Task A_name_that_was_shown_before_needs_no_token()
    {
        await using var bench = await PathBench.StartAsync(database);
        bench.Ca.OnToken = () => null;
        var order = await bench.OrderAsync(OrderState.PendingValidation);

        var moved = await bench.TurnAsync(order);

        Assert.Equal((OrderState.PendingIssuance, null), (moved.State, moved.TokenPublishedAt));
        Assert.False(Directory.Exists(Path.Combine(bench.TokenFolder, order.Hostname)));
    }

    [Fact]
    public async Task While_the_ca_looks_it_is_asked_again_when_it_says_or_soon()
    {
        await using var bench = await PathBench.StartAsync(database);
        await bench.NodeAsync("a");
        TimeSpan? told = TimeSpan.FromSeconds(42);
        bench.Ca.OnCheck = () => new DcvCheck(CaOrderStatus.Pending, null, TokenSeen: false)
        {
            StillLooking = true,
            AskAgainAfter = told,
        };
        var order = await bench.OrderAsync(OrderState.PendingValidation);

        var waiting = await bench.TurnAsync(order);
        Assert.Equal("ca-validating", waiting.Reason);
        Assert.Equal(told, waiting.NextAttemptAt - bench.Clock.GetUtcNow());
        Assert.NotNull(waiting.TokenSeenAt);

        told = null;
        bench.Clock.Advance(TimeSpan.FromSeconds(42));
        waiting = await bench.TurnAsync(order);
        Assert.Equal(TimeSpan.FromSeconds(1), waiting.NextAttemptAt - bench.Clock.GetUtcNow());
    }

    [Fact]
    public async Task An_order_that_a_failed_look_has_ended_is_placed_anew_with_the_same_key_when_the_wait_is_over()
    {
        await using var bench = await PathBench.StartAsync(database);
        await bench.NodeAsync("a");
        bench.Ca.OnPlace = _ => Task.FromResult(new PlacedOrder("ca-2", null, Token: null));
        bench.Ca.OnCheck = () => new DcvCheck(CaOrderStatus.Spent, null, TokenSeen: false) { Detail = "It met a 404." };
        var order = await bench.OrderAsync(OrderState.PendingValidation);

        var spent = await bench.TurnAsync(order);
        Assert.Equal(("ca-token-not-seen", "It met a 404."), (spent.Reason, spent.ReasonDetail));
        Assert.Equal(TimeSpan.FromMinutes(1), spent.NextAttemptAt - bench.Clock.GetUtcNow());
        Assert.Empty(bench.Ca.Paid);

        bench.Ca.OnToken = () => new DcvToken("value-2", null);
        bench.Ca.OnCheck = () => new DcvCheck(CaOrderStatus.Pending, null, TokenSeen: true);
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        var moved = await bench.TurnAsync(order);

        Assert.Equal((OrderState.PendingIssuance, "ca-2", "value-2"), (moved.State, moved.CaOrderId, moved.DcvValue));
        Assert.Equal(order.Csr, Assert.Single(bench.Ca.Paid).Csr);
        Assert.Equal(order.KeyId, moved.KeyId);
        Assert.Equal(["ca-2"], await bench.SeenAsync(order));
    }

    [Fact]
    public async Task A_lost_order_that_cannot_be_looked_up_and_costs_nothing_is_placed_again_at_once()
    {
        await using var bench = await PathBench.StartAsync(database);
        bench.Ca.LookupSchedule = [];
        var order = await bench.OrderAsync(OrderState.PendingOrder, row =>
        {
            (row.Csr, row.KeyId, row.SubmittedAt) = ([0x30, 0], Guid.CreateVersion7(), row.CreatedAt);
        });

        var moved = await bench.TurnAsync(order);

        Assert.Equal((OrderState.PendingValidation, StandInCa.OrderId), (moved.State, moved.CaOrderId));
        Assert.Single(bench.Ca.Paid);
        Assert.DoesNotContain("find", bench.Ca.Asked);
    }
}
