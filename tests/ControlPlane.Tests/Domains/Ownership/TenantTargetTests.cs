using ControlPlane.Dns;
using ControlPlane.Domains;
using ControlPlane.Domains.Ownership;
using ControlPlane.Nodes.Fleets;

namespace ControlPlane.Tests.Domains.Ownership;

/// <summary>Threat: a dangling CNAME. With a target for each tenant, a record left behind leads to its tenant
/// only.</summary>
public sealed class TenantTargetTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    private const string Mine = "11111111111111111111111111.edge.example.com";
    private const string Theirs = "22222222222222222222222222.edge.example.com";

    [Theory]
    [InlineData(Mine, Mine, "PendingOrder", null)]
    [InlineData(Mine, Theirs, "PendingDns", "dns-wrong-target")]
    [InlineData(Mine, ContestBench.Edge, "PendingDns", "dns-wrong-target")]
    [InlineData(null, ContestBench.Edge, "PendingOrder", null)]
    [InlineData(null, Theirs, "PendingDns", "dns-wrong-target")]
    public async Task A_name_counts_when_it_leads_to_the_target_its_domain_was_told(
        string? told, string found, string state, string? reason)
    {
        await using var bench = await StartAsync();
        bench.PointHere(found);
        var order = await bench.ClaimAsync("a", Claim.Held, target: told);

        var after = await bench.TurnAsync(order);

        Assert.Equal((state, reason), (after.State.ToString(), after.Reason));
    }

    [Fact]
    public async Task An_address_of_ours_says_nothing_about_the_tenant_until_its_record_is_seen()
    {
        await using var bench = await StartAsync();
        bench.Dns.Set(ContestBench.Name, new AddressRecord(ContestBench.Name, 1, ContestBench.Ours));
        var order = await bench.ClaimAsync("a", Claim.Held, target: Mine);

        order = await bench.TurnAsync(order);
        Assert.Equal((OrderState.PendingDns, "ownership-unproven"), (order.State, order.Reason));

        bench.ShowRecords(order);
        Assert.Equal(OrderState.PendingOrder, (await bench.TurnAsync(order)).State);
    }

    [Fact]
    public async Task A_tenant_keeps_its_target_and_no_two_share_one()
    {
        await using var bench = await StartAsync();
        var (a, b) = (await bench.ClaimAsync("a", Claim.Held), await bench.ClaimAsync("b"));
        var fleet = new FleetOptions { CnameTarget = ContestBench.Edge, TenantTargets = true };
        var now = bench.Path.Clock.GetUtcNow();
        await using var db = bench.Path.Open();

        var first = await TenantTarget.OfAsync(db, a.Domain.TenantId, fleet, FleetWay.Of(fleet), now, default);
        var again = await TenantTarget.OfAsync(db, a.Domain.TenantId, fleet, FleetWay.Of(fleet), now, default);
        var other = await TenantTarget.OfAsync(db, b.Domain.TenantId, fleet, FleetWay.Of(fleet), now, default);

        Assert.Equal(first, again);
        Assert.NotEqual(first, other);
        Assert.Matches(@"^[0-9a-f]{26}\.edge\.example\.com$", first);
    }

    private async Task<ContestBench> StartAsync()
    {
        var bench = await ContestBench.StartAsync(database);
        foreach (var target in new[] { Mine, Theirs })
        {
            bench.Dns.Set(target, new AddressRecord(target, 1, ContestBench.Ours));
        }

        return bench;
    }
}
