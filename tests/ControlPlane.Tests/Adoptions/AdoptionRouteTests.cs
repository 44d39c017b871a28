using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Contracts;
using ControlPlane.Contracts.Sealing;
using ControlPlane.Domains;
using ControlPlane.Tests.Domains;
using ControlPlane.Tests.Http;
using ControlPlane.Tests.Nodes;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace ControlPlane.Tests.Adoptions;

/// <summary>The API with a vault that opens and a CA of the tests' own.</summary>
public sealed class AdoptionFixture(PostgresFixture server) : ApiFixture(server)
{
    internal TestPki Pki { get; } = new(TimeProvider.System.GetUtcNow());

    protected override void Configure(IServiceCollection services)
    {
        services.AddSingleton<IVault>(new KeptKeys());
        var keyFile = Path.Combine(Directory.CreateTempSubdirectory("cp-key-").FullName, "kek");
        LocalKeyFile.Create(keyFile);
        services.AddSingleton(new KeyRing(LocalKeyFile.Load(keyFile)));
        File.Delete(keyFile);
        services.AddSingleton(new ChainVerifier(
            Clock, new Dictionary<string, X509Certificate2Collection?> { ["certcentral"] = Pki.Anchors }));
    }
}

/// <summary>Who may hand in which key, and what is told of it.</summary>
public sealed class AdoptionRouteTests(AdoptionFixture api) : IClassFixture<AdoptionFixture>
{
    [Fact]
    public async Task A_portal_registers_nothing_to_be_adopted()
    {
        var answer = await api.Acme.PostAsJsonAsync("/v1/domains", new { hostname = NewName(), adopt = true });

        await ApiFixture.ProblemAsync(answer, 400, "adopt-not-allowed");
    }

    [Fact]
    public async Task A_node_plans_and_hands_in_and_a_repeat_changes_nothing()
    {
        var node = await api.EnrolAsync(NewNode());
        var name = await AwaitedAsync();
        var (id, code) = await OpenAsync();
        var bundle = await SealedAsync(node, code, name);

        Assert.Equal("would-adopt", (await PlanAsync(node, code, bundle)).Bundles.Single().Outcome);
        Assert.Equal("adopting", (await HandedInAsync(node, code, bundle)).Bundles.Single().Outcome);
        var first = await StoredAsync(name);
        Assert.Equal("adopting", (await HandedInAsync(node, code, bundle)).Bundles.Single().Outcome);

        Assert.Equal(first, await StoredAsync(name));
        var view = await ApiFixture.ReadAsync(await api.Support.GetAsync($"/v1/adoptions/{id}"));
        Assert.Equal((node.Identity.Node, 1), (await NodeIdAsync(view["node"]!.ToString()), (int)view["handedIn"]!));
        Assert.DoesNotContain(code, view.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_an_open_adoption_no_node_hands_in_a_key()
    {
        var node = await api.EnrolAsync(NewNode());
        var name = await AwaitedAsync();
        var (id, code) = await OpenAsync();
        var bundle = await SealedAsync(node, code, name);

        await RefusedAsync(node, Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)).TrimEnd('=')
            .Replace('+', '-').Replace('/', '_'), bundle);
        await RefusedAsync(node, "", bundle);
        Assert.Equal(HttpStatusCode.NoContent, (await api.Admin.DeleteAsync($"/v1/adoptions/{id}")).StatusCode);
        await RefusedAsync(node, code, bundle);
        Assert.Null(await StoredAsync(name));
    }

    [Fact]
    public async Task An_adoption_is_for_the_first_node_that_uses_it_and_for_its_time()
    {
        var (first, second) = (await api.EnrolAsync(NewNode()), await api.EnrolAsync(NewNode()));
        var (one, other) = (await AwaitedAsync(), await AwaitedAsync());
        var (_, code) = await OpenAsync(minutes: 1);
        await HandedInAsync(first, code, await SealedAsync(first, code, one));
        await RefusedAsync(second, code, Unsealed(other));

        var late = await SealedAsync(first, code, other);
        api.Clock.Advance(TimeSpan.FromMinutes(2));
        await RefusedAsync(first, code, late);
        Assert.Null(await StoredAsync(other));
    }

    [Fact]
    public async Task A_node_plants_no_key_for_a_name_of_another_fleet_nor_for_one_that_does_not_wait_for_it()
    {
        var eu = $"f{Guid.NewGuid():N}"[..12];
        (await api.Admin.PostAsJsonAsync(
            "/v1/fleets", new { name = eu, cnameTarget = $"{eu}.example.net" })).EnsureSuccessStatusCode();
        var node = await api.EnrolAsync(NewNode());
        var (elsewhere, bought, nobodys) = (await AwaitedAsync(eu), NewName(), NewName());
        await api.RegisterAsync(bought);
        var (_, code) = await OpenAsync();

        var outcomes = (await HandedInAsync(
            node, code, Unsealed(elsewhere), Unsealed(bought), Unsealed(nobodys))).Bundles.Select(one => one.Outcome);
        Assert.Equal(["not-registered", "not-awaited", "not-registered"], outcomes);
        Assert.All(
            await Task.WhenAll(StoredAsync(elsewhere), StoredAsync(bought)), stored => Assert.Null(stored));
        var (_, foreign) = await OpenAsync(eu);
        await RefusedAsync(node, foreign, Unsealed(elsewhere));
    }

    [Fact]
    public async Task A_foreign_chain_and_a_second_bundle_while_one_waits_are_refused_at_once()
    {
        var node = await api.EnrolAsync(NewNode());
        var name = await AwaitedAsync();
        var (_, code) = await OpenAsync();
        using var homemade = new TestPki(TimeProvider.System.GetUtcNow());

        var foreign = (await HandedInAsync(node, code, Unsealed(name, homemade))).Bundles.Single();
        Assert.Equal("refused", foreign.Outcome);
        Assert.Contains("chain does not build", foreign.Detail, StringComparison.Ordinal);
        var good = Unsealed(name);
        var pem = Encoding.ASCII.GetBytes(PemEncoding.WriteString("CERTIFICATE", good.Leaf));
        Assert.Equal(
            "refused", (await HandedInAsync(node, code, good with { Leaf = pem })).Bundles.Single().Outcome);
        Assert.Equal("adopting", (await HandedInAsync(node, code, good)).Bundles.Single().Outcome);
        Assert.Equal("other-bundle", (await HandedInAsync(node, code, Unsealed(name))).Bundles.Single().Outcome);
    }

    [Fact]
    public async Task Only_an_admin_opens_an_adoption_and_its_key_needs_the_vault()
    {
        Assert.Equal(
            HttpStatusCode.Forbidden, (await api.Support.PostAsJsonAsync("/v1/adoptions", new { })).StatusCode);
        await ApiFixture.ProblemAsync(
            await api.Admin.PostAsJsonAsync("/v1/adoptions", new { fleet = "none" }), 400, "invalid-field");
        await ApiFixture.ProblemAsync(
            await api.Admin.PostAsJsonAsync("/v1/adoptions", new { expiresInMinutes = 0 }), 400, "invalid-field");
        var (id, _) = await OpenAsync();
        var newest = (await ApiFixture.ReadAsync(await api.Support.GetAsync("/v1/adoptions?limit=1")))["items"]![0]!;
        Assert.Equal(id, newest["id"]!.ToString());
        ((KeptKeys)api.Services.GetRequiredService<IVault>()).IsSealing = false;
        await ApiFixture.ProblemAsync(await api.Admin.PostAsJsonAsync("/v1/adoptions", new { }), 503, "vault-away");
        ((KeptKeys)api.Services.GetRequiredService<IVault>()).IsSealing = true;
    }

    private static string NewName() => $"n{Guid.NewGuid():N}"[..20] + ".example.com";

    private static string NewNode() => $"n{Guid.NewGuid():N}"[..20];

    private async Task<string> AwaitedAsync(string? fleet = null)
    {
        var name = NewName();
        var answer = await api.Support.PostAsJsonAsync(
            "/v1/domains", new { hostname = name, tenant = "acme", fleet, adopt = true });
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return name;
    }

    private async Task<(string Id, string Code)> OpenAsync(string? fleet = null, int? minutes = null)
    {
        var answer = await api.Admin.PostAsJsonAsync("/v1/adoptions", new { fleet, expiresInMinutes = minutes });
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        var opened = await ApiFixture.ReadAsync(answer);
        return (opened["id"]!.ToString(), opened["code"]!.ToString());
    }

    /// <summary>Sealed as an agent does.</summary>
    private async Task<HandedBundle> SealedAsync(TestNode node, string code, string name)
    {
        var bundle = Unsealed(name);
        var seal = (await PlanAsync(node, code)).Seal!;
        using var recipient = ECDiffieHellman.Create();
        recipient.ImportSubjectPublicKeyInfo(seal.PublicKey, out _);
        var (encapsulation, ciphertext) = Hpke.Seal(
            recipient.PublicKey, AdoptionBinding.HpkeInfo,
            new AdoptionBinding(node.Identity.Fleet, node.Id, seal.Adoption, name, Fingerprint(bundle))
                .ToAdditionalData(),
            "the step judges the key"u8);
        return bundle with { Encapsulation = encapsulation, SealedKey = ciphertext };
    }

    private HandedBundle Unsealed(string name, TestPki? by = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var csr = new CertificateRequest("CN=any", key, HashAlgorithmName.SHA256).CreateSigningRequest();
        return new HandedBundle(
            name, (by ?? api.Pki).Leaf(csr, [name]), [(by ?? api.Pki).Intermediate], new byte[65], [1]);
    }

    private static string Fingerprint(HandedBundle bundle) =>
        Convert.ToHexStringLower(SHA256.HashData(bundle.Leaf));

    private static async Task<AdoptionPlanAnswer> PlanAsync(
        TestNode node, string code, params HandedBundle[] bundles)
    {
        var question = new AdoptionPlanRequest(
            code, [.. bundles.Select(one => new FoundBundle(one.Hostname, Fingerprint(one)))]);
        using var answer = await node.SendAsync("POST", Routes.AdoptionPlan, JsonSerializer.SerializeToUtf8Bytes(
            question, ContractsJson.Default.AdoptionPlanRequest));
        answer.EnsureSuccessStatusCode();
        return (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.AdoptionPlanAnswer))!;
    }

    private static Task<HttpResponseMessage> HandInAsync(TestNode node, string code, params HandedBundle[] bundles) =>
        node.SendAsync("POST", Routes.AdoptedBundles, JsonSerializer.SerializeToUtf8Bytes(
            new HandInRequest(code, bundles), ContractsJson.Default.HandInRequest));

    private static async Task<HandInAnswer> HandedInAsync(TestNode node, string code, params HandedBundle[] bundles)
    {
        using var answer = await HandInAsync(node, code, bundles);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.HandInAnswer))!;
    }

    private static async Task RefusedAsync(TestNode node, string code, HandedBundle bundle)
    {
        using var answer = await HandInAsync(node, code, bundle);
        await ApiFixture.ProblemAsync(answer, 409, "adoption-not-open");
    }

    /// <summary>What is kept of a name's bundle; null when none was.</summary>
    private async Task<string?> StoredAsync(string name)
    {
        await using var db = api.Open();
        var kept = await db.AdoptedBundles.AsNoTracking().SingleOrDefaultAsync(
            row => db.Orders.Any(order => order.Id == row.OrderId && order.Hostname == name
                && order.State == OrderState.PendingDns));
        return kept is null ? null : Convert.ToHexString([.. kept.Encapsulation!, .. kept.Ciphertext!]);
    }

    private async Task<Guid> NodeIdAsync(string name)
    {
        await using var db = api.Open();
        return (await db.Nodes.SingleAsync(row => row.Name == name)).Id;
    }
}
