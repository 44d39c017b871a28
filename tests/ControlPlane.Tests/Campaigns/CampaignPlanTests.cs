using ControlPlane.Campaigns;
using ControlPlane.Campaigns.Planning;
using ControlPlane.Domains;

namespace ControlPlane.Tests.Campaigns;

public sealed class CampaignPlanTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task Each_criterion_finds_what_it_says_and_all_given_ones_hold()
    {
        await using var bench = await CampaignBench.StartAsync(database);
        var one = await bench.ServedAsync();
        var other = await bench.ServedAsync();
        await bench.Path.SqlAsync(
            $"""
             INSERT INTO bundle_releases (node_id, bundle_id, sealing_key_id, released_at)
             VALUES ({bench.Node}, {one.BundleId}, 'key', {bench.Now})
             """);
        await bench.Path.SqlAsync($"UPDATE domains SET key_algorithm = 'Rsa2048' WHERE id = {one.DomainId}");
        await bench.Path.SqlAsync(
            $"UPDATE bundles SET not_after = {bench.Now.AddDays(3)} WHERE id = {one.BundleId}");
        var serial = await bench.Path.ValueAsync<string>(
            $"""SELECT serial AS "Value" FROM bundles WHERE id = {one.BundleId}""");
        // As CAs write them: with colons, in lower case, with zeros in front.
        var written = string.Join(':', $"00{serial}".ToLowerInvariant().Chunk(2).Select(pair => new string(pair)));
        CampaignFilter[] ofOne =
        [
            new(Serials: [written]), new(Hostnames: [one.Hostname]), new(KeyAlgorithm: KeyAlgorithm.Rsa2048),
            new(ExposedToNode: "node"), new(ExposedToNode: $"{bench.Node}"),
            new(ExpiresBefore: bench.Now.AddDays(4)), new(Tenant: "shop", Hostnames: [one.Hostname]),
        ];
        foreach (var filter in ofOne)
        {
            var row = Assert.Single(await bench.RowsAsync(await bench.PlanAsync(bench.Request(filter))));
            Assert.Equal((one.DomainId, one.BundleId), (row.DomainId, row.BundleId));
        }

        CampaignFilter[] ofNone =
        [
            new(Serials: [written], Hostnames: [other.Hostname]),
            new(ExposedToNode: "node", ExpiresAfter: bench.Now.AddDays(4)),
        ];
        foreach (var filter in ofNone)
        {
            Assert.Empty(await bench.RowsAsync(await bench.PlanAsync(bench.Request(filter))));
        }

        var both = await bench.RowsAsync(await bench.PlanAsync(bench.Request(new CampaignFilter(Tenant: "shop"))));
        Assert.Equal([one.DomainId, other.DomainId], both.Select(row => row.DomainId));
    }

    [Fact]
    public async Task An_issuer_is_named_by_its_common_name_and_one_that_never_issued_is_refused_with_those_that_did()
    {
        await using var bench = await CampaignBench.StartAsync(database);
        var order = await bench.ServedAsync();
        const string Issuer = "CN=\"One, DV CA\", O=One, C=US";
        await bench.Path.SqlAsync($"UPDATE bundles SET issuer = {Issuer} WHERE id = {order.BundleId}");

        Assert.Single(await bench.RowsAsync(
            await bench.PlanAsync(bench.Request(new CampaignFilter(Issuer: "One, DV CA")))));
        var (_, refusal) = await bench.TryPlanAsync(bench.Request(new CampaignFilter(Issuer: "One")));
        Assert.Contains("Issuers are: One, DV CA.", refusal!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_replaced_is_counted_by_why()
    {
        await using var bench = await CampaignBench.StartAsync(database);
        await bench.RunningAsync(bench.Request(new CampaignFilter(Hostnames: [(await bench.ServedAsync()).Hostname])));
        var left = await bench.ServedAsync();
        await bench.Path.SqlAsync(
            $"""
             UPDATE domains SET dns_away_since = {bench.Now}, dns_failed_looks = 1, dns_look_due_at = {bench.Now}
             WHERE id = {left.DomainId}
             """);
        var gone = await bench.ServedAsync();
        await bench.Path.SqlAsync($"UPDATE domains SET status = 'Deleting' WHERE id = {gone.DomainId}");
        var underWay = await bench.ServedAsync();
        await bench.Path.OrderAsync(OrderState.PendingValidation, of: underWay.Domain);
        await bench.ServedAsync();
        await bench.Path.OrderAsync(OrderState.PendingDns);

        var plan = (await bench.ViewAsync(await bench.PlanAsync())).Plan;

        Assert.Equal((5, 2, 1, 3), (plan.Found, plan.ToReplace, plan.UnderWay, plan.CaCalls));
        Assert.Equal(
            [new(WhyLeftOut.Gone, 1), new(WhyLeftOut.Left, 1), new LeftOut(WhyLeftOut.OtherCampaign, 1)],
            plan.Cannot);
        Assert.True(plan.Fits);

        var listed = (await bench.ViewAsync(await bench.PlanAsync(bench.Request(new CampaignFilter(
            Serials: ["ABCDEF"], Hostnames: ["unknown.example.com"]))))).Plan;
        Assert.Equal([new(WhyLeftOut.UnknownSerial, 1), new LeftOut(WhyLeftOut.NotServed, 1)], listed.Cannot);
    }

    [Fact]
    public async Task The_soonest_expiry_comes_first_or_the_first_word_of_the_metadata()
    {
        await using var bench = await CampaignBench.StartAsync(database);
        var orders = new List<Order>();
        foreach (var tier in (string?[])[null, "silver", "gold", "lead"])
        {
            var order = await bench.ServedAsync();
            orders.Add(order);
            await bench.Path.SqlAsync(
                $"UPDATE bundles SET not_after = {bench.Now.AddDays(90 - orders.Count)} WHERE id = {order.BundleId}");
            if (tier is not null)
            {
                await bench.Path.SqlAsync(
                    $"UPDATE domains SET metadata = jsonb_build_object('tier', {tier}) WHERE id = {order.DomainId}");
            }
        }

        var byExpiry = await bench.RowsAsync(await bench.PlanAsync());
        Assert.Equal(orders.Select(order => order.DomainId).Reverse(), byExpiry.Select(row => row.DomainId));

        var byClass = await bench.RowsAsync(await bench.PlanAsync(bench.Request() with
        {
            Priority = CampaignPriority.TrafficClass,
            TrafficClass = new TrafficClasses("tier", ["gold", "silver"]),
        }));
        Assert.Equal(
            [orders[2].DomainId, orders[1].DomainId, orders[3].DomainId, orders[0].DomainId],
            byClass.Select(row => row.DomainId));
    }

    [Fact]
    public async Task A_plan_says_who_will_not_make_it()
    {
        await using var bench = await CampaignBench.StartAsync(database, ordersPerTurn: 1);
        for (var n = 0; n < 4; n++)
        {
            await bench.ServedAsync();
        }

        // The first comes after half a turn, each other a turn later; by this bench's clock, orders took no time.
        var view = await bench.ViewAsync(
            await bench.PlanAsync(bench.Request() with { Deadline = bench.Now.AddSeconds(10) }));
        Assert.Equal((17.5, false, 2), (view.Plan.Seconds, view.Plan.Fits, view.Plan.Late));
        Assert.Null(view.Plan.LatestStart);
        Assert.Equal(2, view.Late);
    }
}
