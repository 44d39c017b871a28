using ControlPlane.CertificateAuthorities;
using ControlPlane.Dns;
using ControlPlane.Domains;
using ControlPlane.Domains.Preflight;
using ControlPlane.Domains.Reading;
using ControlPlane.Http;
using ControlPlane.Tests.CertificateAuthorities.CertCentral;
using static ControlPlane.Tests.Domains.Preflight.LookBench;

namespace ControlPlane.Tests.Domains.Preflight;

/// <summary>Each thing that a look can find: made with real DNS servers and real listeners, and read back as a GET
/// shows it: code, party, records to copy.</summary>
public sealed class EachReasonTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    private const string ToUs = $"+ CNAME {Name} {Edge}";

    public static TheoryData<string, string, string[]> Cases => new()
    {
        { "dns-not-there", "Customer", [ToUs] },
        { "dns-elsewhere", "Customer", [$"- A {Name} 127.0.0.9", ToUs] },
        { "dns-wrong-target", "Customer", [$"- CNAME {Name} second.example.net", ToUs] },
        { "dns-not-answering", "Operator", [] },
        { "dns-servers-failing", "Customer", [] },
        { "dnssec-failing", "Customer", [] },
        { "dns-chain-broken", "Customer", [$"- CNAME {Name} round.example.com", ToUs] },
        { "dns-not-everywhere", "Customer", [] },
        { "dns-private-address", "Customer", [$"- A {Name} 10.0.0.5", ToUs] },
        { "ipv6-elsewhere", "Customer", [$"- AAAA {Name} ::1"] },
        { "caa-forbids", "Customer", ["+ CAA example.com 0 issue \"ca.example\""] },
        { "caa-of-ours-forbids", "Operator", [$"+ CAA {Edge} 0 issue \"ca.example\""] },
        { "caa-not-answering", "Customer", [] },
        { "port80-not-reached", "Customer", [] },
        { "port80-answered-by-another", "Customer", [] },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_name_that_waits_says_why_who_must_act_and_what_to_type_in(
        string code, string party, string[] steps)
    {
        await using var bench = await LookBench.StartAsync(database);
        await MakeAsync(code, bench);

        var seen = await bench.LookAsync();

        Assert.Equal(OrderState.PendingDns, bench.Order.State);
        Assert.Equal((code, party), (seen.Reason!.Code, seen.WaitingOn.ToString()));
        Assert.Equal($"/reasons/{code}", seen.Reason.Page);
        var finding = seen.Findings[0];
        Assert.Equal((code, true, seen.Reason.Detail), (finding.Code, finding.Blocks, finding.Detail));
        Assert.Equal(steps, Steps(finding.Fix));
        Assert.Equal(Reasons.ByCode[code].Fix, seen.Fix[0].Text);
        Assert.Superset(steps.ToHashSet(), Steps(seen.Fix).ToHashSet());
        Assert.NotNull(seen.NextCheckAt);
        Assert.Equal(0, bench.Order.Attempts);
    }

    [Fact]
    public void Every_reason_a_look_can_give_is_made_here()
    {
        string[] elsewhere =
        [
            PreflightReasons.CaaNarrowed.Code, PreflightReasons.Port80OfOursFails.Code,
        ];
        Assert.Empty(PreflightReasons.All.Select(reason => reason.Code)
            .Except(Cases.Select(row => row.Data.Item1)).Except(elsewhere));
    }

    [Fact]
    public async Task A_name_that_was_just_registered_waits_on_nobody_and_shows_its_record()
    {
        await using var bench = await LookBench.StartAsync(database);

        var seen = await bench.ReadAsync();

        Assert.Equal(("dns-unchecked", WaitingOn.None), (seen.Reason!.Code, seen.WaitingOn));
        Assert.Equal([ToUs], Steps(seen.Fix));
    }

    [Fact]
    public async Task After_seven_days_it_fails_and_still_says_what_was_missing()
    {
        await using var bench = await LookBench.StartAsync(database);
        await MakeAsync("caa-forbids", bench);
        bench.Path.Clock.Advance(TimeSpan.FromDays(8));

        var seen = await bench.LookAsync();

        Assert.Equal((OverallStatus.Failed, "dns-timed-out"), (seen.Status, seen.Reason!.Code));
        Assert.Equal((WaitingOn.Customer, (DateTimeOffset?)null), (seen.WaitingOn, seen.NextCheckAt));
        Assert.Equal("caa-forbids", Assert.Single(seen.Findings).Code);
        Assert.Equal(["+ CAA example.com 0 issue \"ca.example\""], Steps(seen.Fix));
    }

    [Fact]
    public async Task A_condition_in_CAA_is_told_and_stops_nothing()
    {
        await using var bench = await LookBench.StartAsync(database);
        bench.Cname(Edge);
        bench.Dns.Set("example.com", CaaTexts.Parse("0 issue ca.example; validationmethods=dns-01"));

        var seen = await bench.LookAsync();

        Assert.Equal((OrderState.PendingOrder, "ordering"), (bench.Order.State, seen.Reason!.Code));
        var finding = Assert.Single(seen.Findings);
        Assert.Equal(
            ("caa-narrowed", WaitingOn.Customer, false), (finding.Code, finding.WaitingOn, finding.Blocks));
        Assert.Equal(["+ CAA example.com 0 issue \"ca.example\""], Steps(finding.Fix));
    }

    [Fact]
    public async Task When_the_ca_does_not_find_the_token_our_own_front_door_is_tried_and_blamed()
    {
        await using var bench = await LookBench.StartAsync(database, OrderState.PendingValidation);
        await bench.Path.NodeAsync("a");
        bench.Cname(Edge);
        bench.DoorSaying("127.0.0.1", Door.Status("503 Service Unavailable"));
        bench.Path.Ca.OnCheck = () => new DcvCheck(CaOrderStatus.Pending, null, TokenSeen: false);

        var seen = await bench.LookAsync();

        Assert.Equal(("port80-of-ours-fails", WaitingOn.Operator), (seen.Reason!.Code, seen.WaitingOn));
        Assert.Equal("127.0.0.1 answers with status 503.", seen.Reason.Detail);
        Assert.Equal("port80-of-ours-fails", Assert.Single(seen.Findings).Code);
    }

    /// <summary>The CA's eyes are better than ours: it may see a record that came a moment ago.</summary>
    [Fact]
    public async Task A_ca_that_refuses_for_CAA_is_understood()
    {
        await using var bench = await LookBench.StartAsync(database, OrderState.PendingOrder);
        await using var ca = await CertCentralBench.StartAsync(ScriptedCa.Error(400, $"caa_check_failed|{Name}"));
        bench.Path.Ca.OnPlace = request => ca.Authority.PlaceOrderAsync(request, CancellationToken.None);

        var seen = await bench.LookAsync();

        Assert.Equal((OverallStatus.Failed, "caa-forbids"), (seen.Status, seen.Reason!.Code));
        Assert.Equal(WaitingOn.Customer, seen.WaitingOn);
    }

    /// <summary>The world in which a name waits for this reason.</summary>
    private static async Task MakeAsync(string code, LookBench bench)
    {
        switch (code)
        {
            case "dns-not-there":
                break;
            case "dns-elsewhere":
                bench.Addresses("127.0.0.9");
                break;
            case "dns-wrong-target":
                bench.Cname("second.example.net");
                await bench.Path.SqlAsync(
                    $"""
                     INSERT INTO fleets (id, name, cname_target, created_at)
                     VALUES ({Guid.NewGuid()}, 'second', 'second.example.net', now())
                     """);
                break;
            case "dns-not-answering":
                bench.Say = _ => DnsReply.Failure;
                break;
            case "dns-servers-failing":
                bench.Say = question => question.Name == Name ? DnsReply.Failure : null;
                break;
            case "dnssec-failing":
                bench.Cname(Edge);
                bench.Say = question => question is { Name: Name, CheckingDisabled: false } ? DnsReply.Failure : null;
                break;
            case "dns-chain-broken":
                bench.Cname("round.example.com");
                bench.Dns.Set("round.example.com", new CnameRecord(Name, 1, Name));
                break;
            case "dns-not-everywhere":
                bench.Cname(Edge);
                bench.AnotherResolver(300, "127.0.0.9");
                break;
            case "dns-private-address":
                bench.Addresses("10.0.0.5");
                bench.SetFleet(80, reserved: false);
                break;
            case "ipv6-elsewhere":
                bench.Addresses("127.0.0.1", "::1");
                break;
            case "caa-forbids":
                bench.Cname(Edge);
                bench.Dns.Set("example.com", CaaTexts.Parse("0 issue another-ca.example"));
                break;
            case "caa-of-ours-forbids":
                bench.Cname(Edge);
                bench.Dns.Set(Edge, new AddressRecord(Edge, 1, Ours), CaaTexts.Parse("0 issue another-ca.example"));
                break;
            case "caa-not-answering":
                bench.Cname(Edge);
                bench.Say = question => question is { Name: Name, Type: DnsRecordType.CAA } ? DnsReply.Failure : null;
                break;
            case "port80-not-reached":
                bench.DoorToUs("127.0.0.2");
                bench.Addresses("127.0.0.2", "127.0.0.3");
                break;
            case "port80-answered-by-another":
                bench.DoorToUs("127.0.0.2");
                bench.DoorSaying("127.0.0.3", Door.Status("404 Not Found"));
                bench.Addresses("127.0.0.2", "127.0.0.3");
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(code), code, "Nobody said how to make it.");
        }
    }
}
