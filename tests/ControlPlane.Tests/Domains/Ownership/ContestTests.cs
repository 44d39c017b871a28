using ControlPlane.CertificateAuthorities;
using ControlPlane.Dns;
using ControlPlane.Domains;
using ControlPlane.Domains.Ownership;
using Npgsql;

namespace ControlPlane.Tests.Domains.Ownership;

/// <summary>Threat: a tenant registers another's name. Real DNS, real PostgreSQL; the CA counts what it is
/// asked.</summary>
public sealed class ContestTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task B_claims_As_name_and_nothing_is_ordered_while_only_the_CNAME_is_there()
    {
        await using var bench = await ContestBench.StartAsync(database);
        bench.PointHere();
        var a = await bench.ClaimAsync("a", Claim.Held, OrderState.Active);
        var b = await bench.ClaimAsync("b");

        b = await bench.TurnAsync(b);
        Assert.Equal((OrderState.PendingDns, "ownership-unproven"), (b.State, b.Reason));

        // A's own record, or B's for another name, is not B's record for this one.
        bench.ShowRecords(a, await bench.ClaimAsync("b", name: "other.contested.com"));
        b = await bench.TurnAsync(b);
        Assert.Equal((OrderState.PendingDns, "ownership-unproven"), (b.State, b.Reason));

        Assert.Empty(bench.Path.Ca.Paid);
        Assert.Equal((OrderState.Active, Claim.Held), await StandingAsync(bench, a));
    }

    [Fact]
    public async Task Could_not_ask_is_no_answer_even_after_a_week_and_absence_after_a_week_ends_the_claim()
    {
        await using var bench = await ContestBench.StartAsync(database);
        bench.TxtFails = true;
        await bench.ClaimAsync("a", Claim.Held, OrderState.Active);
        var b = await bench.ClaimAsync("b");
        bench.Path.Clock.Advance(TimeSpan.FromDays(8));

        b = await bench.TurnAsync(b);
        Assert.Equal((OrderState.PendingDns, "dns-servers-failing"), (b.State, b.Reason));

        bench.TxtFails = false;
        b = await bench.TurnAsync(b);
        Assert.Equal((OrderState.Failed, "ownership-timed-out"), (b.State, b.Reason));
    }

    [Fact]
    public async Task A_CNAME_in_the_place_of_the_record_is_not_followed()
    {
        await using var bench = await ContestBench.StartAsync(database);
        bench.PointHere();
        await bench.ClaimAsync("a", Claim.Held, OrderState.Active);
        var b = await bench.ClaimAsync("b");
        bench.ShowRecords(b);
        var record = OwnershipRecord.NameFor(ContestBench.Name);
        var elsewhere = "forgotten.example.net";
        bench.Dns.Set(elsewhere, new TxtRecord(elsewhere, 1, [OwnershipRecord.ValueFor(b.Domain)]));
        bench.Dns.Set(record, new CnameRecord(record, 1, elsewhere));

        b = await bench.TurnAsync(b);

        Assert.Equal((OrderState.PendingDns, "ownership-unproven"), (b.State, b.Reason));
    }

    [Fact]
    public async Task A_pending_registration_without_proof_loses_against_one_with_proof_and_its_CA_order_is_canceled()
    {
        await using var bench = await ContestBench.StartAsync(database);
        bench.PointHere();
        var a = await bench.ClaimAsync("a", Claim.Held, OrderState.PendingValidation);
        var b = await bench.ClaimAsync("b");
        bench.ShowRecords(b);
        bench.Path.Ca.OnFind = _ => [StandInCa.Told(CaOrderStatus.Pending)];

        b = await bench.TurnAsync(b);
        Assert.Equal((OrderState.PendingDns, "name-being-released"), (b.State, b.Reason));
        Assert.Equal(Claim.Held, b.Domain.Claim);
        a = await bench.Path.ReadAsync(a);
        Assert.Equal((DomainStatus.Failed, Claim.Lost), (a.Domain.Status, a.Domain.Claim));
        Assert.Contains("ownership.lost", await bench.EventsOfDomainAsync(a));

        a = await bench.TurnAsync(a);
        a = a.State == OrderState.Canceling ? await bench.TurnAsync(a) : a;
        Assert.Equal((OrderState.Canceled, DomainStatus.Failed), (a.State, a.Domain.Status));
        Assert.Equal([StandInCa.OrderId], bench.Path.Ca.Canceled);
        Assert.Equal(OrderState.PendingOrder, (await bench.TurnAsync(b)).State);
    }

    [Fact]
    public async Task Who_was_first_and_shows_nothing_waits_as_well_and_the_first_to_show_its_record_wins()
    {
        await using var bench = await ContestBench.StartAsync(database);
        bench.PointHere();
        var a = await bench.ClaimAsync("a", Claim.Held);
        var b = await bench.ClaimAsync("b");
        var c = await bench.ClaimAsync("c");

        a = await bench.TurnAsync(a);
        Assert.Equal((OrderState.PendingDns, "ownership-unproven"), (a.State, a.Reason));

        bench.ShowRecords(a, b, c);
        a = await bench.TurnAsync(a);
        b = await bench.TurnAsync(b);
        c = await bench.TurnAsync(c);
        Assert.Equal([Claim.Held, Claim.Lost, Claim.Lost], new[] { a, b, c }.Select(claim => claim.Domain.Claim));
        Assert.Equal([OrderState.Canceling, OrderState.Canceling], new[] { b, c }.Select(order => order.State));
        b = await bench.TurnAsync(b);
        c = await bench.TurnAsync(c);
        Assert.Equal([OrderState.Canceled, OrderState.Canceled], new[] { b, c }.Select(order => order.State));
        a = a.State == OrderState.PendingDns ? await bench.TurnAsync(a) : a;
        Assert.Equal(OrderState.PendingOrder, a.State);
    }

    [Fact]
    public async Task A_served_owner_goes_on_serving_until_the_one_with_proof_takes_over_in_the_same_revision()
    {
        await using var bench = await ContestBench.StartAsync(database);
        bench.PointHere();
        var (node, _) = await bench.Path.NodeAsync("a");
        var a = await bench.ClaimAsync("a", Claim.Held, OrderState.Active);
        var b = await bench.ClaimAsync("b");
        bench.ShowRecords(b);

        b = await bench.TurnAsync(b);
        Assert.Equal((OrderState.PendingOrder, Claim.Proven), (b.State, b.Domain.Claim));
        Assert.Equal((OrderState.Active, Claim.Held), await StandingAsync(bench, a));

        b = await bench.TurnAsync(b);
        b = await bench.TurnAsync(b);
        Assert.Equal(OrderState.PendingIssuance, b.State);
        bench.Path.Ca.OnRead = () => StandInCa.Told(CaOrderStatus.Issued);
        bench.Path.Ca.OnDownload = () => bench.Path.Pki.Issue(b.Csr!, b.Hostname);
        b = await bench.TurnAsync(b);
        Assert.Equal((OrderState.PendingDeployment, Claim.Held), (b.State, b.Domain.Claim));
        Assert.Equal((OrderState.Canceling, Claim.Lost), await StandingAsync(bench, a));

        await bench.Path.PublishAsync();
        Assert.Equal(1, await bench.Path.ValueAsync<int>(
            $"""SELECT count(DISTINCT revision)::int AS "Value" FROM desired_state"""));
        Assert.Equal(b.DomainId, await bench.Path.ValueAsync<Guid>(
            $"""SELECT domain_id AS "Value" FROM desired_state WHERE bundle_id IS NOT NULL"""));

        // A node keeps one state for a name: its proof of B's certificate is the end of A's.
        Assert.Equal(OrderState.Canceling, (await bench.TurnAsync(a)).State);
        await bench.Path.ReportAsync(node, b, await bench.Path.FingerprintAsync(b));
        a = await bench.TurnAsync(a);
        Assert.Equal((OrderState.Canceled, DomainStatus.Failed), (a.State, a.Domain.Status));
    }

    /// <summary>Fails when a node that refuses the successor's bundle keeps the former owner's order open, and that one
    /// the successor's next order: only the node's end would end it.</summary>
    [Fact]
    public async Task A_node_that_refuses_the_successors_bundle_does_not_keep_it_from_ordering_another()
    {
        await using var bench = await ContestBench.StartAsync(database);
        bench.PointHere();
        await bench.Path.NodeAsync("a");
        var a = await bench.ClaimAsync("a", Claim.Held, OrderState.Active);
        var b = await bench.ClaimAsync("b");
        bench.ShowRecords(b);
        for (var turn = 0; turn < 3; turn++)
        {
            b = await bench.TurnAsync(b);
        }

        bench.Path.Ca.OnRead = () => StandInCa.Told(CaOrderStatus.Issued);
        bench.Path.Ca.OnDownload = () => bench.Path.Pki.Issue(b.Csr!, b.Hostname);
        b = await bench.TurnAsync(b);
        var again = await bench.Path.OrderAsync(OrderState.PendingDns, of: b.Domain);
        Assert.Equal("name-being-released", (await bench.TurnAsync(again)).Reason);

        await bench.Path.PublishAsync();
        Assert.Equal(OrderState.Canceling, (await bench.TurnAsync(a)).State);
        again = await bench.TurnAsync(again);

        Assert.Equal((OrderState.PendingOrder, OrderState.PendingDeployment), (again.State, b.State));
    }

    /// <summary>Fails when the two wait for each other: the name would never change hands, and a key that a stolen node
    /// has would never be replaced.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_order_opened_for_the_served_owner_after_the_proof_and_the_successors_go_one_after_the_other(
        bool ownerFirst)
    {
        await using var bench = await ContestBench.StartAsync(database);
        var a = await bench.ClaimAsync("a", Claim.Held, OrderState.Active);
        var b = await bench.ClaimAsync("b");
        bench.ShowRecords(b);
        b = await bench.TurnAsync(b);
        Assert.Equal((OrderState.PendingDns, Claim.Proven), (b.State, b.Domain.Claim));
        var rekey = await bench.Path.OrderAsync(OrderState.PendingDns, of: a.Domain);
        bench.PointHere();

        var first = await bench.TurnAsync(ownerFirst ? rekey : b);
        var second = await bench.TurnAsync(ownerFirst ? b : rekey);

        Assert.Equal(OrderState.PendingOrder, first.State);
        Assert.Equal((OrderState.PendingDns, "name-being-released"), (second.State, second.Reason));
    }

    [Fact]
    public async Task The_database_itself_refuses_an_order_for_a_contested_name_and_a_second_owner()
    {
        await using var bench = await ContestBench.StartAsync(database);
        await bench.ClaimAsync("a", Claim.Held, OrderState.Active);
        var b = await bench.ClaimAsync("b");

        var ordered = await Assert.ThrowsAsync<PostgresException>(() => bench.Path.SqlAsync(
            $"UPDATE orders SET state = 'PendingOrder' WHERE id = {b.Id}"));
        var pretended = await Assert.ThrowsAsync<PostgresException>(() => bench.Path.SqlAsync(
            $"UPDATE orders SET claim = 'Held', state = 'PendingOrder' WHERE id = {b.Id}"));
        var owned = await Assert.ThrowsAsync<PostgresException>(() => bench.Path.SqlAsync(
            $"UPDATE domains SET claim = 'Held' WHERE id = {b.DomainId}"));

        Assert.Equal(
            ["orders_not_for_contested_names", "orders_claim_of_domain", "domains_live_hostname"],
            new[] { ordered, pretended, owned }.Select(refusal => refusal.ConstraintName));
    }

    private static async Task<(OrderState, Claim)> StandingAsync(ContestBench bench, Order order)
    {
        var now = await bench.Path.ReadAsync(order);
        return (now.State, now.Domain.Claim);
    }
}
