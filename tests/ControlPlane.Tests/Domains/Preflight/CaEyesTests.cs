using ControlPlane.CertificateAuthorities;
using ControlPlane.Dns;
using ControlPlane.Domains;
using ControlPlane.Domains.Probing;
using ControlPlane.Domains.Running;
using ControlPlane.Http;
using static ControlPlane.Tests.Domains.Preflight.LookBench;

namespace ControlPlane.Tests.Domains.Preflight;

/// <summary>What lets a name pass, what only warns, and what is told beside the first reason.</summary>
public sealed class CaEyesTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Theory]
    [InlineData("127.0.0.2 127.0.0.3")]
    [InlineData("127.0.0.2 ::1")]
    [InlineData("127.0.0.1 ::1")]
    public async Task A_name_behind_others_passes_when_a_probe_arrives_through_every_one_of_them(string addresses)
    {
        await using var bench = await LookBench.StartAsync(database);
        foreach (var address in addresses.Split(' ').Where(address => address != $"{Ours}"))
        {
            bench.DoorToUs(address);
        }

        bench.Addresses(addresses.Split(' '));

        var seen = await bench.LookAsync();

        Assert.Equal(OrderState.PendingOrder, bench.Order.State);
        Assert.Empty(seen.Findings);
        Assert.Empty(await bench.Path.Tokens.ListAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Our_own_front_door_is_not_dialled_before_the_ca_is_asked()
    {
        await using var bench = await LookBench.StartAsync(database);
        var door = bench.DoorSaying("127.0.0.1", Door.Status("503 Service Unavailable"));
        bench.Cname(Edge);

        await bench.LookAsync();

        Assert.Equal((OrderState.PendingOrder, 0), (bench.Order.State, door.Asked));
    }

    [Fact]
    public async Task A_customer_hears_of_everything_at_once()
    {
        await using var bench = await LookBench.StartAsync(database);
        bench.Addresses("127.0.0.9");
        bench.Dns.Set("example.com", CaaTexts.Parse("0 issue ;"));

        var seen = await bench.LookAsync();

        Assert.Equal(
            ["dns-elsewhere", "port80-not-reached", "caa-forbids"], seen.Findings.Select(finding => finding.Code));
        Assert.Equal(
            [$"- A {Name} 127.0.0.9", $"+ CNAME {Name} {Edge}", "+ CAA example.com 0 issue \"ca.example\""],
            Steps(seen.Fix));
    }

    [Fact]
    public async Task What_was_put_right_is_not_told_any_more()
    {
        await using var bench = await LookBench.StartAsync(database);
        Assert.NotEmpty((await bench.LookAsync()).Findings);

        bench.Cname(Edge);
        var seen = await bench.LookAsync();

        Assert.Empty(seen.Findings);
        Assert.Equal(OrderState.PendingOrder, bench.Order.State);
    }

    [Theory]
    [InlineData("302 Found", "", "Location: https://shop-1.example.com/\r\n",
        "redirects to https://shop-1.example.com/ (status 302)")]
    [InlineData("403 Forbidden", "", "", "answers with status 403")]
    [InlineData("200 OK", "Welcome", "", "answers with something else than our token")]
    [InlineData(null, "", "", "does not speak HTTP, or hangs up")]
    public async Task What_answers_on_port_80_is_told_address_by_address(
        string? status, string body, string headers, string detail)
    {
        await using var bench = await LookBench.StartAsync(database);
        bench.DoorToUs("127.0.0.2");
        bench.DoorSaying("127.0.0.3", status is null ? "SSH-2.0-x\r\n\r\n" : Door.Status(status, body, headers));
        bench.Addresses("127.0.0.2", "127.0.0.3", "127.0.0.4");

        var seen = await bench.LookAsync();

        Assert.Equal(
            [
                ("port80-answered-by-another", $"127.0.0.3 {detail}."),
                ("port80-not-reached", "127.0.0.4 refuses the connection."),
            ],
            seen.Findings.Select(finding => (finding.Code, finding.Detail)));
    }

    [Fact]
    public async Task One_resolver_of_three_that_still_keeps_the_old_record_only_warns()
    {
        await using var bench = await LookBench.StartAsync(database);
        bench.Cname(Edge);
        bench.AnotherResolver(300, "127.0.0.9");
        bench.AnotherResolver(1, "127.0.0.1");

        var seen = await bench.LookAsync();

        var finding = Assert.Single(seen.Findings);
        Assert.Equal(
            (OrderState.PendingOrder, "dns-not-everywhere", false),
            (bench.Order.State, finding.Code, finding.Blocks));
        Assert.Equal(
            "2 of 3 resolvers see it lead to us; another sees 127.0.0.9 and may keep that for 300 s.", finding.Detail);
        Assert.Empty(Steps(seen.Fix));
    }

    [Fact]
    public async Task A_resolver_that_is_away_is_not_counted()
    {
        await using var bench = await LookBench.StartAsync(database);
        bench.Say = _ => DnsReply.Failure;
        bench.AnotherResolver(1, "127.0.0.1");

        await bench.LookAsync();

        Assert.Equal(OrderState.PendingOrder, bench.Order.State);
        Assert.Empty(bench.Order.Findings);
    }

    [Fact]
    public async Task Servers_that_stay_silent_while_the_resolver_works_are_the_customers()
    {
        await using var bench = await LookBench.StartAsync(database);
        bench.Say = question => question.Name == Name ? DnsReply.Silence : null;

        var seen = await bench.LookAsync();

        Assert.Equal(("dns-servers-failing", WaitingOn.Customer), (seen.Reason!.Code, seen.WaitingOn));
    }

    [Fact]
    public async Task One_address_inside_and_none_is_dialled()
    {
        await using var bench = await LookBench.StartAsync(database);
        var door = bench.DoorToUs("127.0.0.2");
        bench.SetFleet(door.Port, reserved: false);
        bench.Addresses("127.0.0.2", "198.18.0.1");

        var seen = await bench.LookAsync();

        Assert.Equal(("dns-private-address", 0), (seen.Reason!.Code, door.Asked));
    }

    [Fact]
    public async Task Of_a_crowd_of_addresses_no_more_is_kept_than_a_reader_needs()
    {
        await using var bench = await LookBench.StartAsync(database);
        string[] crowd = [.. Enumerable.Range(2, 200).Select(n => $"127.0.1.{n}")];
        bench.Addresses(crowd);

        var seen = await bench.LookAsync();

        Assert.Equal("dns-elsewhere", seen.Reason!.Code);
        Assert.Contains("and 195 more", seen.Reason.Detail, StringComparison.Ordinal);
        Assert.InRange(Steps(seen.Fix).Count(), 1, PublicProbe.MostAddresses);
    }

    [Fact]
    public async Task What_a_stranger_wrote_into_DNS_is_kept_short_and_printable()
    {
        await using var bench = await LookBench.StartAsync(database);
        bench.Cname(Edge);
        bench.Dns.Set("example.com", CaaTexts.Parse("128 novelty \0\u001b[31m" + new string('x', 9000)));

        var seen = await bench.LookAsync();

        Assert.Equal("caa-forbids", seen.Reason!.Code);
        Assert.InRange(seen.Reason.Detail.Length, 1, 501);
        Assert.DoesNotContain(seen.Reason.Detail, char.IsControl);
        Assert.Empty(Steps(seen.Fix));
    }

    [Theory]
    [InlineData("0 issue other.example", "caa-forbids", "Customer")]
    [InlineData("0 issue ca.example", "ca-token-not-seen", "Ca")]
    public async Task When_the_ca_does_not_find_the_token_the_name_is_looked_at_again(
        string caa, string reason, string party)
    {
        await using var bench = await LookBench.StartAsync(database, OrderState.PendingValidation);
        await bench.Path.NodeAsync("a");
        bench.DoorToUs("127.0.0.1");
        bench.Cname(Edge);
        bench.Dns.Set("example.com", CaaTexts.Parse(caa));
        bench.Path.Ca.OnCheck = () => new DcvCheck(CaOrderStatus.Pending, null, TokenSeen: false);

        var seen = await bench.LookAsync();
        Assert.Equal((reason, party), (seen.Reason!.Code, seen.WaitingOn.ToString()));

        bench.Path.Ca.OnCheck = () => new DcvCheck(CaOrderStatus.Pending, null, TokenSeen: true);
        seen = await bench.LookAsync();
        Assert.Empty(seen.Findings);
        Assert.Equal(OrderState.PendingIssuance, bench.Order.State);
    }

    /// <summary>What the API's description says of the pace of looks.</summary>
    [Fact]
    public void The_schedule_is_what_its_words_say()
    {
        List<TimeSpan> at = [TimeSpan.Zero];
        foreach (var wait in RetrySchedules.Dns)
        {
            at.Add(at[^1] + wait);
        }

        Assert.StartsWith(
            $"{at.Count(look => look < TimeSpan.FromMinutes(1))} within the first minute, "
            + $"{at.Count(look => look < TimeSpan.FromMinutes(15))} within the first quarter of an hour, then one "
            + $"every 10 to {RetrySchedules.Dns[^1].TotalMinutes} minutes, for {RetrySchedules.DnsDeadline.Days} days",
            RetrySchedules.DnsInWords, StringComparison.Ordinal);
    }
}
