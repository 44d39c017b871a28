using ControlPlane.CertificateAuthorities;
using ControlPlane.Contracts;
using ControlPlane.Domains;
using ControlPlane.Domains.Ownership;
using ControlPlane.Nodes.Epochs;

namespace ControlPlane.Tests.Domains.Ownership;

/// <summary>Threat: somebody points a name here that was another tenant's before a restore, and is faster than the
/// witnesses of that time.</summary>
public sealed class ForgottenNamesTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task A_new_name_waits_until_the_CA_and_every_serving_node_have_told_and_then_goes_on()
    {
        await using var bench = await ContestBench.StartAsync(database);
        bench.PointHere();
        var (node, _) = await bench.Path.NodeAsync("a");
        await RestoreAsync(bench);
        var claim = await bench.ClaimAsync("thief", Claim.Held);

        Assert.Equal("restore-unsettled", (await bench.TurnAsync(claim)).Reason);
        await CaToldAsync(bench);
        Assert.Equal("restore-unsettled", (await bench.TurnAsync(claim)).Reason);
        Assert.Empty(bench.Path.Ca.Paid);

        await NodeToldAsync(bench, node, total: 0);
        Assert.Equal(OrderState.PendingOrder, (await bench.TurnAsync(claim)).State);
    }

    [Theory]
    [InlineData("stray")]
    [InlineData("order")]
    [InlineData("more strays than a node can name")]
    public async Task A_claim_registered_before_the_witnesses_told_is_contested_by_what_they_tell(string kind)
    {
        await using var bench = await ContestBench.StartAsync(database);
        bench.PointHere();
        var (node, _) = await bench.Path.NodeAsync("a");
        await RestoreAsync(bench);
        var claim = await bench.ClaimAsync("thief", Claim.Held);
        await bench.TurnAsync(claim);
        await CaToldAsync(bench);
        await NodeToldAsync(bench, node, kind.StartsWith("more", StringComparison.Ordinal) ? Routes.MaxStrays + 1 : 0);
        await (kind switch
        {
            "stray" => bench.Path.SqlAsync(
                $"""
                 INSERT INTO node_strays (node_id, hostname, fingerprint, not_after)
                 VALUES ({node}, {ContestBench.Name}, {new string('a', 64)}, now() + interval '9 days')
                 """),
            "order" => FoundAsync(bench.Path, ContestBench.Name),
            _ => Task.CompletedTask,
        });

        claim = await bench.TurnAsync(claim);
        claim = claim.Reason == "ownership-unproven" ? claim : await bench.TurnAsync(claim);

        Assert.Equal(
            (OrderState.PendingDns, "ownership-unproven", Claim.Contested),
            (claim.State, claim.Reason, claim.Domain.Claim));
        Assert.Contains("domain.contested", await bench.EventsOfDomainAsync(claim));
        bench.ShowRecords(claim);
        claim = await bench.TurnAsync(claim);
        claim = claim.State == OrderState.PendingOrder ? claim : await bench.TurnAsync(claim);
        Assert.Equal((OrderState.PendingOrder, Claim.Held), (claim.State, claim.Domain.Claim));
    }

    [Fact]
    public async Task A_registration_that_the_database_remembers_is_not_asked_for_proof()
    {
        await using var bench = await ContestBench.StartAsync(database);
        bench.PointHere();
        var claim = await bench.ClaimAsync("owner", Claim.Held);
        bench.Path.Clock.Advance(TimeSpan.FromMinutes(1));
        await RestoreAsync(bench);
        await FoundAsync(bench.Path, ContestBench.Name);

        Assert.Equal(OrderState.PendingOrder, (await bench.TurnAsync(claim)).State);
    }

    /// <summary>Fails when a certificate that was under way before the restore was noticed goes out to the
    /// nodes.</summary>
    [Fact]
    public async Task A_certificate_under_way_when_the_name_turns_out_to_be_anothers_is_not_published()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await bench.OrderAsync(OrderState.PendingIssuance);
        await RaiseAsync(bench, order.Domain.CreatedAt.AddMinutes(-1), order.Domain.FleetId);
        await FoundAsync(bench, order.Hostname);
        bench.Ca.OnRead = () => StandInCa.Told(CaOrderStatus.Issued);
        bench.Ca.OnDownload = () => bench.Pki.Issue(order.Csr!, order.Hostname);

        var ended = await bench.TurnAsync(order);

        Assert.Equal((OrderState.Failed, "used-before-restore"), (ended.State, ended.Reason));
        await using var db = bench.Open();
        Assert.Empty(db.DesiredChanges);
    }

    private static async Task RestoreAsync(ContestBench bench)
    {
        await RaiseAsync(bench.Path, bench.Path.Clock.GetUtcNow(), bench.Path.FleetId);
        bench.Path.Clock.Advance(TimeSpan.FromSeconds(1));
    }

    /// <summary>With what another test's witnesses told taken away.</summary>
    private static Task RaiseAsync(PathBench bench, DateTimeOffset ends, Guid fleet) => bench.SqlAsync(
        $"""
         WITH orders AS (DELETE FROM found_ca_orders), strays AS (DELETE FROM node_strays),
              bumps AS (DELETE FROM epoch_bumps),
              raised AS (UPDATE fleets SET epoch = epoch + 1 WHERE id = {fleet} RETURNING epoch)
         INSERT INTO epoch_bumps
             (fleet_id, from_epoch, to_epoch, cause, detail, at, database_ends_at, collect_after)
         SELECT {fleet}, epoch - 1, epoch, 'OtherCluster', 'Moved.', {ends}, {ends}, {ends + RaiseEpoch.Pause}
         FROM raised
         """);

    private static Task CaToldAsync(ContestBench bench) =>
        bench.Path.SqlAsync($"UPDATE epoch_bumps SET ca_listed_at = {bench.Path.Clock.GetUtcNow()}");

    private static Task NodeToldAsync(ContestBench bench, Guid node, int total) => bench.Path.SqlAsync(
        $"""
         UPDATE nodes SET strays = {total}, strays_epoch = fleets.epoch
         FROM fleets WHERE nodes.fleet_id = fleets.id AND nodes.id = {node}
         """);

    private static Task FoundAsync(PathBench bench, string hostname) => bench.SqlAsync(
        $"""
         INSERT INTO found_ca_orders (ca_order_id, order_id, hostname, status, found_at)
         VALUES ('ca-forgotten', gen_random_uuid(), {hostname}, 'issued', now())
         """);
}
