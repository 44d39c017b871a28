using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Nodes;

namespace ControlPlane.Tests.Domains;

public sealed class ProveControlTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task The_ca_is_asked_only_after_every_serving_node_gave_the_token_back()
    {
        await using var bench = await PathBench.StartAsync(database);
        var (_, seeing) = await bench.NodeAsync("a");
        var (_, blind) = await bench.NodeAsync("b");
        var (_, lost) = await bench.NodeAsync("c", NodeStanding.Lost);
        blind.Blind = true;
        var order = await bench.OrderAsync(OrderState.PendingValidation);

        var waiting = await bench.TurnAsync(order);
        Assert.Equal(("node-token-not-seen", "Not given back by b."), (waiting.Reason, waiting.ReasonDetail));
        Assert.DoesNotContain("check", bench.Ca.Asked);
        Assert.Equal(0, waiting.Attempts);

        blind.Blind = false;
        bench.Clock.Advance(TimeSpan.FromMinutes(1));
        var moved = await bench.TurnAsync(order);
        Assert.Equal(OrderState.PendingIssuance, moved.State);
        Assert.Equal(["token", "check"], bench.Ca.Asked);
        Assert.True(seeing.Asked > 0 && blind.Asked > 0);
        Assert.Equal(0, lost.Asked);
    }

    [Fact]
    public async Task Without_a_serving_node_the_ca_is_not_asked()
    {
        await using var bench = await PathBench.StartAsync(database);
        await bench.NodeAsync("a", NodeStanding.Joining);
        var order = await bench.OrderAsync(OrderState.PendingValidation);

        var waiting = await bench.TurnAsync(order);

        Assert.Equal("no-serving-node", waiting.Reason);
        Assert.Equal(["token"], bench.Ca.Asked);
    }

    [Fact]
    public async Task A_token_that_is_about_to_expire_gives_way_to_a_new_one()
    {
        await using var bench = await PathBench.StartAsync(database);
        await bench.NodeAsync("a");
        var order = await bench.OrderAsync(OrderState.PendingValidation, row =>
        {
            (row.DcvValue, row.DcvExpiresAt) = ("old", row.CreatedAt.AddHours(23));
            (row.TokenPublishedAt, row.TokenSeenAt) = (row.CreatedAt, row.CreatedAt);
        });
        bench.Ca.OnToken = () => new DcvToken("new", bench.Clock.GetUtcNow().AddDays(30));

        var moved = await bench.TurnAsync(order);

        Assert.Equal((OrderState.PendingIssuance, "new"), (moved.State, moved.DcvValue));
        var file = Path.Combine(bench.TokenFolder, order.Hostname, $"{order.Sequence}");
        Assert.Equal("new", File.ReadLines(file).First());
    }

    [Fact]
    public async Task A_token_that_the_ca_does_not_renew_before_its_end_is_used_until_then()
    {
        await using var bench = await PathBench.StartAsync(database);
        await bench.NodeAsync("a");
        var order = await bench.OrderAsync(OrderState.PendingValidation);
        var end = bench.Clock.GetUtcNow().AddHours(12);
        bench.Ca.OnToken = () => new DcvToken("short", end);

        var moved = await bench.TurnAsync(order);

        Assert.Equal((OrderState.PendingIssuance, "short", 0), (moved.State, moved.DcvValue, moved.Attempts));
    }

    [Fact]
    public async Task What_the_ca_did_not_find_is_looked_at_anew_through_every_node_before_it_is_asked_again()
    {
        await using var bench = await PathBench.StartAsync(database);
        var (_, node) = await bench.NodeAsync("a");
        var order = await bench.OrderAsync(OrderState.PendingValidation);
        bench.Ca.OnCheck = () => new DcvCheck(CaOrderStatus.Pending, null, TokenSeen: false);

        var waiting = await bench.TurnAsync(order);
        Assert.Equal(("ca-token-not-seen", (DateTimeOffset?)null), (waiting.Reason, waiting.TokenSeenAt));

        node.Blind = true;
        bench.Clock.Advance(TimeSpan.FromSeconds(10));
        var blind = await bench.TurnAsync(order);
        Assert.Equal("node-token-not-seen", blind.Reason);
        Assert.Single(bench.Ca.Asked, "check");
    }

    [Fact]
    public async Task An_order_that_the_ca_closed_fails()
    {
        await using var bench = await PathBench.StartAsync(database);
        await bench.NodeAsync("a");
        var order = await bench.OrderAsync(OrderState.PendingValidation);
        bench.Ca.OnCheck = () => new DcvCheck(CaOrderStatus.Closed, null, TokenSeen: false);

        var failed = await bench.TurnAsync(order);

        Assert.Equal((OrderState.Failed, "ca-closed-order"), (failed.State, failed.Reason));
    }

    [Fact]
    public async Task A_token_store_that_is_away_is_waited_for()
    {
        await using var bench = await PathBench.StartAsync(database);
        await bench.NodeAsync("a");
        var order = await bench.OrderAsync(OrderState.PendingValidation);
        Directory.Delete(bench.TokenFolder);
        await File.WriteAllTextAsync(bench.TokenFolder, "no directory");

        var waiting = await bench.TurnAsync(order);

        Assert.Equal(("token-store-not-reachable", 0), (waiting.Reason, waiting.Attempts));
    }
}
