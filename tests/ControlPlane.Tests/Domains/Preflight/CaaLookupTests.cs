using System.Net;
using ControlPlane.Dns;
using ControlPlane.Domains.Preflight;
using ControlPlane.Http;
using ControlPlane.Nodes.Fleets;

namespace ControlPlane.Tests.Domains.Preflight;

/// <summary>Which set counts (RFC 8659 §3), over a real DNS server.</summary>
public sealed class CaaLookupTests
{
    private const string Name = "a.shop.example.com";
    private const string Allows = "0 issue ca.example";
    private const string Forbids = "0 issue other.example";

    private readonly DnsTable _table = new();

    [Theory]
    [InlineData(Name)]
    [InlineData("shop.example.com")]
    [InlineData("example.com")]
    [InlineData("com")]
    public async Task The_climb_goes_up_to_the_top(string at)
    {
        Set(at, Forbids);

        var found = await AskAsync(Name);

        Assert.Equal("caa-forbids", found!.Code);
        Assert.Equal(new DnsRecordView("CAA", at, "0 issue \"ca.example\"", null), Assert.Single(found.Records).Record);
    }

    [Fact]
    public async Task The_first_set_on_the_way_up_counts_alone()
    {
        Set("shop.example.com", Allows);
        Set("example.com", Forbids);

        Assert.Null(await AskAsync(Name));
        Assert.Null(await AskAsync("nothing.example.net"));
    }

    [Fact]
    public async Task A_CNAME_is_followed_and_its_target_is_not_climbed()
    {
        _table.Set(Name, new CnameRecord(Name, 1, "deep.cdn.example"));
        Set("cdn.example", Forbids);
        Assert.Null(await AskAsync(Name));

        Set("deep.cdn.example", Forbids);
        var found = await AskAsync(Name);
        Assert.Equal("deep.cdn.example", Assert.Single(found!.Records).Record!.Name);
        Assert.Contains("leads by CNAME to deep.cdn.example", found.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_parents_CNAME_is_followed_too()
    {
        _table.Set("shop.example.com", new CnameRecord("", 1, "other.example"));
        Set("other.example", Forbids);

        Assert.Equal("caa-forbids", (await AskAsync(Name))!.Code);
    }

    [Fact]
    public async Task A_critical_record_that_nobody_knows_is_to_be_removed()
    {
        Set("example.com", "128 novelty yes", Allows);

        var step = Assert.Single((await AskAsync(Name))!.Records);

        Assert.Equal((true, "128 novelty \"yes\""), (step.Remove, step.Record!.Value));
    }

    [Fact]
    public async Task A_wildcard_is_looked_up_at_the_name_below_which_it_stands()
    {
        Set("shop.example.com", "0 issuewild ;", Allows);

        Assert.Equal("caa-forbids", (await AskAsync("*.shop.example.com"))!.Code);
        Assert.Null(await AskAsync("shop.example.com"));
    }

    [Fact]
    public async Task Who_does_not_answer_above_a_set_does_not_matter_and_below_it_does()
    {
        Set("shop.example.com", Allows);

        Assert.Null(await AskAsync(Name, fails: "example.com"));
        var found = await AskAsync(Name, fails: Name);
        Assert.Equal("caa-not-answering", found!.Code);
        Assert.StartsWith($"At {Name}:", found.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_resolver_that_fails_gives_way_to_one_that_knows()
    {
        Set(Name, Forbids);
        await using var deaf = Serve(_ => DnsReply.Failure);
        await using var server = Serve(_table.Answer);

        var found = await new CaaLookup(Of(deaf, server))
            .AskAsync(Name, new StandInCa(), Ways, TestContext.Current.CancellationToken);

        Assert.Equal("caa-forbids", found!.Code);
    }

    private static FleetWays Ways { get; } = new(new FleetWay("edge.example.org", []), []);

    private void Set(string name, params string[] records) =>
        _table.Set(name, [.. records.Select(CaaTexts.Parse)]);

    private async Task<Finding?> AskAsync(string name, string? fails = null)
    {
        await using var server = Serve(
            question => question.Name == fails ? DnsReply.Failure : _table.Answer(question));
        return await new CaaLookup(Of(server))
            .AskAsync(name, new StandInCa(), Ways, TestContext.Current.CancellationToken);
    }

    private static DnsServer Serve(Func<DnsQuestion, DnsReply> answer) =>
        DnsServer.Start(new IPEndPoint(IPAddress.Loopback, 0), answer);

    private static Resolvers Of(params DnsServer[] servers) => new(
    [
        .. servers.Select(server => new DnsClient(
            new DnsClientOptions { Servers = [server.EndPoint] }, TimeProvider.System)),
    ]);
}
