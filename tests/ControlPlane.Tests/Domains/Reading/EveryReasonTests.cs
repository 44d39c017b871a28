using ControlPlane.CertificateAuthorities;
using ControlPlane.CertificateAuthorities.CertCentral;
using ControlPlane.Domains;
using ControlPlane.Domains.Reading;
using ControlPlane.Http;
using ControlPlane.Tests.CertificateAuthorities.CertCentral;
using ControlPlane.Tests.Domains.Preflight;
using ControlPlane.Vault;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Tests.Domains.Reading;

/// <summary>Each reason beyond a look at the name: made by what really fails (a CA's HTTP server, a node's port, a
/// directory, a key), and read back as a GET shows it.</summary>
public sealed class EveryReasonTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    public static TheoryData<string, string> Cases => new()
    {
        { "ordering", "None" },
        { "ca-not-reachable", "Ca" },
        { "ca-budget-spent", "Ca" },
        { "ca-answer-lost", "Ca" },
        { "ca-credential-refused", "Operator" },
        { "ca-not-configured", "Operator" },
        { "ca-refused", "Operator" },
        { "ca-closed-order", "Operator" },
        { "ca-validating", "Ca" },
        { "ca-token-not-seen", "Ca" },
        { "ca-issuing", "Ca" },
        { "ca-wrong-certificate", "Ca" },
        { "no-serving-node", "Operator" },
        { "node-token-not-seen", "Nodes" },
        { "nodes-proving", "Nodes" },
        { "node-refused", "Operator" },
        { "rollout-paused", "Operator" },
        { "nodes-withdrawing", "Nodes" },
        { "withdrawals-held", "Operator" },
        { "token-store-not-reachable", "Operator" },
        { "vault-not-reachable", "Operator" },
        { "surprise", "Operator" },
    };

    /// <summary>Made by the tests of the part that they belong to.</summary>
    private static readonly IReadOnlyDictionary<string, string> Elsewhere = new Dictionary<string, string>
    {
        ["dns-unchecked"] = "Domains/Preflight/EachReasonTests.cs",
        ["dns-timed-out"] = "Domains/Preflight/EachReasonTests.cs",
        ["caa-narrowed"] = "Domains/Preflight/EachReasonTests.cs",
        ["port80-of-ours-fails"] = "Domains/Preflight/EachReasonTests.cs",
        ["ownership-unproven"] = "Domains/Ownership/RegisterContestedTests.cs",
        ["ownership-timed-out"] = "Domains/Ownership/ContestTests.cs",
        ["ownership-lost"] = "Domains/Ownership/RegisterContestedTests.cs",
        ["name-being-released"] = "Domains/Ownership/ContestTests.cs",
        ["restore-unsettled"] = "Domains/Ownership/ForgottenNamesTests.cs",
        ["used-before-restore"] = "Domains/Ownership/ForgottenNamesTests.cs",
        ["newer-on-nodes"] = "Nodes/Epochs/AfterRestoreTests.cs",
        ["dns-moved-away"] = "Domains/Leaving/AwayViewTests.cs",
        ["renewals-stopped"] = "Domains/Leaving/AwayViewTests.cs",
        ["ca-foreign-reissue"] = "Domains/Renewing/SubmitReissueTests.cs",
        ["renewal-failed"] = "Domains/Renewing/RenewalSweepTests.cs",
        ["awaiting-adoption"] = "Adoptions/AdoptBundleTests.cs",
        ["adoption-timed-out"] = "Adoptions/AdoptBundleTests.cs",
        ["domain-deleted"] = "Nodes/Banning/RekeyTests.cs",
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task An_order_that_waits_says_why_and_who_must_act(string code, string party)
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await MakeAsync(code, bench);

        await using var db = bench.Open();
        var domain = await db.Domains.AsNoTracking().SingleAsync(row => row.Id == order.DomainId);
        var views = new DomainViews(db, bench.Authorities, Options.Create(bench.Fleet), bench.Clock);
        var seen = await views.OneAsync(domain, default);

        Assert.Equal((code, party), (seen.Reason!.Code, seen.WaitingOn.ToString()));
        Assert.Equal(
            Reasons.ByCode[code].Fix.Replace("{fleet}", seen.Fleet, StringComparison.Ordinal), seen.Fix[0].Text);
        Assert.NotEmpty(seen.Reason.Detail);
        Assert.Equal(seen.Status != OverallStatus.Failed, seen.NextCheckAt is not null);
    }

    [Fact]
    public void Every_reason_of_the_list_is_made_by_a_test()
    {
        Assert.All(Elsewhere, place => Assert.Contains(
            $"\"{place.Key}\"", SourceTree.Here.Read($"tests/ControlPlane.Tests/{place.Value}").Text,
            StringComparison.Ordinal));
        Assert.Empty(Reasons.ByCode.Keys
            .Except(Cases.Select(row => row.Data.Item1)).Except(EachReasonTests.Cases.Select(row => row.Data.Item1))
            .Except(Elsewhere.Keys));
    }

    private static async Task<Order> MakeAsync(string code, PathBench bench)
    {
        switch (code)
        {
            case "ordering":
                return await bench.OrderAsync(OrderState.PendingOrder);
            case "ca-not-reachable":
                return await PlaceAsync(bench, options => options with { BaseUrl = new Uri("http://127.0.0.1:9/") });
            case "ca-budget-spent":
                return await PlaceAsync(bench, ScriptedCa.Error(429, "request_limit_exceeded"));
            case "ca-answer-lost":
                return await PlaceAsync(bench, ScriptedCa.Reset);
            case "ca-credential-refused":
                return await PlaceAsync(bench, ScriptedCa.Error(403, "access_denied|access_denied_invalid_key"));
            case "ca-not-configured":
                return await bench.TurnAsync(
                    await bench.OrderAsync(OrderState.PendingValidation, row => row.Ca = "letsencrypt"));
            case "ca-refused":
                return await PlaceAsync(bench, ScriptedCa.Error(400, "csr_invalid_cannot_parse"));
            case "surprise":
                bench.Ca.OnPlace = _ => throw new InvalidOperationException("Nobody foresaw this.");
                return await TurnAsync(bench, OrderState.PendingOrder);
            case "vault-not-reachable":
                bench.Kek.Now = new KeyThatIsAway();
                return await TurnAsync(bench, OrderState.PendingOrder);
            case "ca-validating":
                return await bench.OrderAsync(OrderState.PendingValidation);
            case "no-serving-node":
                return await TurnAsync(bench, OrderState.PendingValidation);
            case "node-token-not-seen":
                (await bench.NodeAsync("a")).Listener.Blind = true;
                return await TurnAsync(bench, OrderState.PendingValidation);
            case "ca-token-not-seen":
                await bench.NodeAsync("a");
                bench.Ca.OnCheck = () => new DcvCheck(CaOrderStatus.Pending, null, TokenSeen: false);
                return await TurnAsync(bench, OrderState.PendingValidation);
            case "token-store-not-reachable":
                Directory.Delete(bench.TokenFolder);
                await File.WriteAllTextAsync(bench.TokenFolder, "no directory");
                return await TurnAsync(bench, OrderState.PendingValidation);
            case "ca-issuing":
                return await TurnAsync(bench, OrderState.PendingIssuance);
            case "ca-closed-order":
                bench.Ca.OnRead = () => StandInCa.Told(CaOrderStatus.Closed);
                return await TurnAsync(bench, OrderState.PendingIssuance);
            case "ca-wrong-certificate":
                bench.Ca.OnRead = () => StandInCa.Told(CaOrderStatus.Issued);
                return await TurnAsync(bench, OrderState.PendingIssuance);
            default:
                return await MakeOnNodesAsync(code, bench);
        }
    }

    private static async Task<Order> MakeOnNodesAsync(string code, PathBench bench)
    {
        var (node, _) = await bench.NodeAsync("a");
        var order = await bench.OrderAsync(OrderState.PendingDeployment);
        switch (code)
        {
            case "nodes-proving":
                break;
            case "node-refused":
                await bench.ReportAsync(node, order, await bench.FingerprintAsync(order));
                await bench.SqlAsync($"UPDATE node_observations SET state = 'Refused', error_code = 'key-mismatch'");
                break;
            case "rollout-paused":
                await bench.SqlAsync(
                    $"UPDATE fleets SET rollout = 'Paused', rollout_since = now(), rollout_reason = 'Because.'");
                break;
            case "nodes-withdrawing" or "withdrawals-held":
                await bench.ReportAsync(node, order, await bench.FingerprintAsync(order));
                await bench.SqlAsync(
                    $"""
                     UPDATE orders SET cancel_requested_at = {bench.Clock.GetUtcNow()};
                     UPDATE domains SET status = 'Deleting'
                     """);
                order = await bench.TurnUntilMovedAsync(await bench.ReadAsync(order));
                if (code == "withdrawals-held")
                {
                    await bench.TurnAsync(order);
                    await bench.SqlAsync($"UPDATE desired_changes SET held_at = now()");
                    bench.Clock.Advance(TimeSpan.FromMinutes(1));
                }

                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(code), code, "Nobody said how to make it.");
        }

        return await bench.TurnAsync(order);
    }

    private static async Task<Order> TurnAsync(PathBench bench, OrderState state) =>
        await bench.TurnAsync(await bench.OrderAsync(state));

    private static Task<Order> PlaceAsync(PathBench bench, RequestDelegate answer) =>
        PlaceAsync(bench, options => options, answer);

    /// <summary>An order is placed by the real client, at a CA that answers so.</summary>
    private static async Task<Order> PlaceAsync(
        PathBench bench, Func<CertCentralOptions, CertCentralOptions> change,
        params RequestDelegate[] answers)
    {
        await using var ca = await CertCentralBench.StartAsync(change, answers);
        bench.Ca.OnPlace = request => ca.Authority.PlaceOrderAsync(request, CancellationToken.None);
        return await TurnAsync(bench, OrderState.PendingOrder);
    }

    /// <summary>A key-encryption key that cannot be reached.</summary>
    private sealed class KeyThatIsAway : IKeyEncryptionKey
    {
        public string Id => "away";

        public Task<byte[]> WrapAsync(byte[] dataKey, CancellationToken ct) =>
            throw new VaultException("No way there.");

        public Task<byte[]> UnwrapAsync(string keyId, byte[] wrapped, CancellationToken ct) =>
            throw new VaultException("No way there.");
    }
}
