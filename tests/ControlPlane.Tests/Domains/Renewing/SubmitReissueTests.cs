using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;

namespace ControlPlane.Tests.Domains.Renewing;

/// <summary>How a successor is asked for where an order covers several certificates.</summary>
public sealed class SubmitReissueTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    private const string Bought = "4711";

    [Theory]
    [InlineData(300, 199, "Reissue")]
    [InlineData(91, 199, "Reissue")]
    [InlineData(89, 199, "Renewal")]
    [InlineData(48, 47, "Reissue")]
    // The next one would be cut short by the order's end.
    [InlineData(46, 47, "Renewal")]
    public async Task A_certificate_is_reissued_while_its_order_covers_another_one(
        int orderDays, int life, string kind)
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await SuccessorAsync(bench, orderDays, life);

        var after = await bench.TurnAsync(order);

        Assert.Equal((OrderState.PendingValidation, kind), (after.State, after.Kind.ToString()));
        if (after.Kind == OrderKind.Reissue)
        {
            Assert.Equal((Bought, Bought), (Assert.Single(bench.Ca.Reissued), after.CaOrderId));
            Assert.Empty(bench.Ca.Paid);
            Assert.Equal("cert-before", after.ReissueBaseline!.CertificateId);
        }
        else
        {
            var paid = Assert.Single(bench.Ca.Paid);
            Assert.Equal((Bought, CallPriority.Renewal), (paid.RenewalOf, paid.Priority));
            Assert.NotNull(paid.Replaces);
            Assert.Empty(bench.Ca.Reissued);
        }
    }

    [Fact]
    public async Task What_the_order_says_of_its_own_end_outweighs_our_guess()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await SuccessorAsync(bench, 300, 199);
        bench.Ca.OnRead = () => Told(bench, CaOrderStatus.Issued, bench.Clock.GetUtcNow().AddDays(20));

        var after = await bench.TurnAsync(order);

        Assert.Equal((OrderKind.Renewal, StandInCa.OrderId), (after.Kind, after.CaOrderId));
        Assert.Equal(Bought, Assert.Single(bench.Ca.Paid).RenewalOf);
        Assert.Contains(EventTypes.OrderNotReissued, await bench.EventsAsync(order));
    }

    [Fact]
    public async Task After_a_lost_answer_our_key_under_the_order_is_adopted_and_nothing_asked_for_twice()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await LostAsync(bench);
        var csr = (await bench.ReadAsync(order)).Csr!;
        bench.Ca.OnRead = () => Told(bench, CaOrderStatus.Pending) with
        {
            CaCertificateId = "cert-after",
            Csr = csr,
            Reissues = 1,
        };

        bench.Clock.Advance(TimeSpan.FromSeconds(10));
        var after = await bench.TurnAsync(order);

        Assert.Equal(
            (OrderState.PendingValidation, Bought, "cert-after"),
            (after.State, after.CaOrderId, after.CaCertificateId));
        Assert.Single(bench.Ca.Reissued);
    }

    [Fact]
    public async Task An_order_that_is_as_it_was_for_five_minutes_is_asked_again()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await LostAsync(bench);
        bench.Ca.OnReissue = (bought, _) => new PlacedOrder(bought, "cert-after", null);

        var after = await bench.TurnUntilMovedAsync(order);

        Assert.Equal((OrderState.PendingValidation, "cert-after"), (after.State, after.CaCertificateId));
        Assert.Equal([Bought, Bought], bench.Ca.Reissued);
        Assert.Empty(bench.Ca.Paid);
        Assert.True(bench.Clock.GetUtcNow() - order.CreatedAt >= TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task A_foreign_key_under_the_order_stops_it()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await LostAsync(bench);
        using var foreign = OrderKey.Make(order.Hostname, KeyAlgorithm.EcdsaP256);
        bench.Ca.OnRead = () => Told(bench, CaOrderStatus.Pending) with { Csr = foreign.Csr, Reissues = 1 };

        bench.Clock.Advance(TimeSpan.FromSeconds(10));
        var after = await bench.TurnAsync(order);

        Assert.Equal((OrderState.Failed, "ca-foreign-reissue"), (after.State, after.Reason));
        Assert.Single(bench.Ca.Reissued);
        Assert.Empty(bench.Ca.Paid);
    }

    [Fact]
    public async Task A_refused_reissue_becomes_a_linked_order_and_a_refused_link_a_plain_one()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await SuccessorAsync(bench, 300, 199);
        bench.Ca.OnReissue = (_, _) => throw StandInCa.Fault(CaFailure.Refused);
        bench.Ca.OnPlace = request => request.RenewalOf is not null
            ? throw StandInCa.Fault(CaFailure.Refused)
            : Task.FromResult(new PlacedOrder("ca-2", null, null));

        var after = await bench.TurnAsync(order);

        Assert.Equal(
            (OrderState.PendingValidation, OrderKind.Renewal, "ca-2"), (after.State, after.Kind, after.CaOrderId));
        Assert.Equal([Bought, null], bench.Ca.Paid.Select(paid => paid.RenewalOf));
        Assert.Equal(
            2, (await bench.EventsAsync(order)).Count(told => told == EventTypes.OrderNotReissued));
        Assert.Single(bench.Ca.Paid.Select(paid => Convert.ToHexString(paid.Csr)).Distinct());
    }

    [Theory]
    [InlineData("Pending")]
    [InlineData("Unknown")]
    public async Task While_another_certificate_of_the_order_is_awaited_nothing_is_bought_for_a_day(string status)
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await SuccessorAsync(bench, 300, 199);
        bench.Ca.OnRead = () => Told(bench, Enum.Parse<CaOrderStatus>(status));

        Assert.Equal("ca-validating", (await bench.TurnAsync(order)).Reason);
        Assert.Empty(bench.Ca.Paid);
        bench.Clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(OrderKind.Renewal, (await bench.TurnAsync(order)).Kind);
        Assert.Equal(Bought, Assert.Single(bench.Ca.Paid).RenewalOf);
        Assert.Empty(bench.Ca.Reissued);
    }

    [Fact]
    public async Task Where_each_certificate_is_an_order_of_its_own_the_successor_says_what_it_replaces()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await SuccessorAsync(bench, 300, 199);
        await bench.SqlAsync($"UPDATE orders SET ca_valid_until = NULL");

        var after = await bench.TurnAsync(order);

        var paid = Assert.Single(bench.Ca.Paid);
        Assert.Equal((OrderKind.Renewal, (string?)null), (after.Kind, paid.RenewalOf));
        Assert.NotNull(paid.Replaces);
    }

    /// <summary>A reissue that was asked for, and nothing came back.</summary>
    private static async Task<Order> LostAsync(PathBench bench)
    {
        var order = await SuccessorAsync(bench, 300, 199);
        bench.Ca.OnReissue = (_, _) => throw StandInCa.Fault(CaFailure.AnswerLost);
        var lost = await bench.TurnAsync(order);
        Assert.Equal(("ca-answer-lost", OrderKind.Reissue), (lost.Reason, lost.Kind));
        return lost;
    }

    /// <summary>The second order of a domain whose first certificate was just bought for so many days, at its turn to
    /// be placed.</summary>
    private static async Task<Order> SuccessorAsync(PathBench bench, int orderDays, int life)
    {
        var end = bench.Clock.GetUtcNow().AddDays(orderDays);
        var served = await bench.OrderAsync(OrderState.Active, row =>
            (row.CaOrderId, row.CaValidUntil, row.CaCertificateId) = (Bought, end, "cert-before"));
        var until = bench.Clock.GetUtcNow().AddDays(Math.Min(life, orderDays - (life == orderDays ? 0 : 2)));
        await bench.SqlAsync($"UPDATE bundles SET not_after = {until}, not_before = {until.AddDays(-life)}");
        bench.Ca.OnRead = () => Told(bench, CaOrderStatus.Issued, end);
        return await bench.OrderAsync(OrderState.PendingOrder, row => row.Kind = OrderKind.Renewal, served.Domain);
    }

    private static CaOrder Told(PathBench bench, CaOrderStatus status, DateTimeOffset? end = null) =>
        new(Bought, "cert-before", status, status.ToString().ToLowerInvariant(), null)
        {
            ValidUntil = end ?? bench.Clock.GetUtcNow().AddDays(300),
            RequestIds = ["1"],
            Reissues = 0,
        };
}
