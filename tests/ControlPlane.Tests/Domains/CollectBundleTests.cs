using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;

namespace ControlPlane.Tests.Domains;

public sealed class CollectBundleTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task A_certificate_as_ordered_is_recorded_with_its_desired_state_in_one_commit()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingIssuance);
        bench.Ca.OnRead = () => StandInCa.Told(CaOrderStatus.Issued);
        bench.Ca.OnDownload = () => bench.Pki.Issue(order.Csr!, order.Hostname);

        var moved = await bench.TurnAsync(order);

        Assert.Equal(OrderState.PendingDeployment, moved.State);
        await using var db = bench.Open();
        var bundle = Assert.Single(db.Bundles.Where(row => row.OrderId == order.Id));
        var change = Assert.Single(db.DesiredChanges);
        Assert.Equal((moved.BundleId, order.Sequence), (change.BundleId, change.OrderSequence));
        Assert.Equal((bundle.Id, order.KeyId!.Value), (moved.BundleId!.Value, bundle.KeyId));
        Assert.Equal([bench.Pki.Intermediate], Assert.Single(db.Chains).Intermediates);
        Assert.Equal(1, bench.Published);
    }

    [Fact]
    public async Task A_bundle_in_the_place_of_an_approved_withdrawal_leaves_no_approval_and_brings_the_lowest_TLS()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingIssuance);
        await bench.SqlAsync($"UPDATE domains SET tls_minimum = '1.3' WHERE id = {order.DomainId}");
        await bench.SqlAsync(
            $"""
             INSERT INTO desired_changes
                 (domain_id, fleet_id, hostname, bundle_id, order_sequence, changed_at, held_at, approval)
             VALUES ({order.DomainId}, {bench.FleetId}, {order.Hostname}, NULL, {order.Sequence - 1}, now(), now(),
                     'seen')
             """);
        bench.Ca.OnRead = () => StandInCa.Told(CaOrderStatus.Issued);
        bench.Ca.OnDownload = () => bench.Pki.Issue(order.Csr!, order.Hostname);

        var moved = await bench.TurnAsync(order);

        await using var db = bench.Open();
        var change = Assert.Single(db.DesiredChanges, row => row.DomainId == order.DomainId);
        Assert.Equal(moved.BundleId, change.BundleId);
        Assert.Null(change.HeldAt);
        Assert.Null(change.Approval);
        Assert.Equal("1.3", change.TlsMinimum);
    }

    [Fact]
    public async Task A_certificate_of_a_later_order_stands_on_the_chain_that_is_there()
    {
        await using var bench = await PathBench.StartAsync(database);
        foreach (var name in new[] { "first", "second" })
        {
            var order = await bench.OrderAsync(OrderState.PendingIssuance, row => row.CaOrderId = name);
            bench.Ca.OnRead = () => StandInCa.Told(CaOrderStatus.Issued);
            bench.Ca.OnDownload = () => bench.Pki.Issue(order.Csr!, order.Hostname);
            Assert.Equal(OrderState.PendingDeployment, (await bench.TurnAsync(order)).State);
        }

        Assert.Equal(1, await bench.ValueAsync<int>($"""SELECT count(*)::int AS "Value" FROM chains"""));
    }

    [Theory]
    [InlineData("another key")]
    [InlineData("another name")]
    [InlineData("expired")]
    [InlineData("a chain of its own making")]
    [InlineData("no certificate")]
    [InlineData("nothing")]
    public async Task What_was_not_ordered_is_never_recorded_and_is_fetched_again(string wrong)
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingIssuance);
        using var stranger = OrderKey.Make(order.Hostname, KeyAlgorithm.EcdsaP256);
        using var homemade = new TestPki(bench.Clock.GetUtcNow());
        bench.Ca.OnRead = () => StandInCa.Told(CaOrderStatus.Issued);
        bench.Ca.OnDownload = () => wrong switch
        {
            "another key" => bench.Pki.Issue(stranger.Csr, order.Hostname),
            "another name" => bench.Pki.Issue(order.Csr!, "other.example.com"),
            "expired" =>
            [
                bench.Pki.Leaf(order.Csr!, [order.Hostname], TimeSpan.FromDays(-100), days: 90),
                bench.Pki.Intermediate,
            ],
            "a chain of its own making" => homemade.Issue(order.Csr!, order.Hostname),
            "no certificate" => ["-----"u8.ToArray()],
            _ => [],
        };

        var waiting = await bench.TurnAsync(order);
        Assert.Equal(
            (OrderState.PendingIssuance, "ca-wrong-certificate", 0), (waiting.State, waiting.Reason, waiting.Attempts));
        Assert.Equal(0, await bench.ValueAsync<int>(
            $"""
             SELECT (SELECT count(*) FROM bundles)::int + (SELECT count(*) FROM desired_changes)::int AS "Value"
             """));
        Assert.Empty(bench.Ca.Paid);

        bench.Ca.OnDownload = () => bench.Pki.Issue(order.Csr!, order.Hostname);
        Assert.Equal(OrderState.PendingDeployment, (await bench.TurnUntilMovedAsync(waiting)).State);
    }

    [Fact]
    public async Task A_serial_that_was_given_out_before_is_refused()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingIssuance);
        var issued = bench.Pki.Issue(order.Csr!, order.Hostname);
        bench.Ca.OnRead = () => StandInCa.Told(CaOrderStatus.Issued);
        bench.Ca.OnDownload = () => issued;
        await bench.TurnAsync(order);
        var again = await bench.OrderAsync(
            OrderState.PendingIssuance, row => (row.CaOrderId, row.Csr) = ("ca-2", order.Csr), of: order.Domain);

        var waiting = await bench.TurnAsync(again);

        Assert.Equal((OrderState.PendingIssuance, "ca-wrong-certificate"), (waiting.State, waiting.Reason));
        Assert.Null(waiting.BundleId);
    }

    [Fact]
    public async Task A_certificate_that_is_issued_and_not_to_be_had_yet_is_no_fault_of_the_order()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingIssuance);
        bench.Ca.OnRead = () => StandInCa.Told(CaOrderStatus.Issued);
        bench.Ca.OnDownload = () => throw StandInCa.Fault(CaFailure.Refused);

        var waiting = await bench.TurnAsync(order);

        Assert.Equal((OrderState.PendingIssuance, "ca-issuing"), (waiting.State, waiting.Reason));
    }

    [Theory]
    [InlineData(nameof(CaOrderStatus.Pending), "ca-issuing", nameof(OrderState.PendingIssuance))]
    [InlineData(nameof(CaOrderStatus.Unknown), "ca-issuing", nameof(OrderState.PendingIssuance))]
    [InlineData(nameof(CaOrderStatus.Closed), "ca-closed-order", nameof(OrderState.Failed))]
    public async Task What_the_ca_says_of_the_order_decides(string status, string reason, string state)
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingIssuance);
        bench.Ca.OnRead = () => StandInCa.Told(Enum.Parse<CaOrderStatus>(status));

        var after = await bench.TurnAsync(order);

        Assert.Equal((state, reason), (after.State.ToString(), after.Reason));
    }
}
