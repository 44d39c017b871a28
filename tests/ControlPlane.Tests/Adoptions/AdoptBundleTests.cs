using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Adoptions;
using ControlPlane.Contracts.Sealing;
using ControlPlane.Domains;
using ControlPlane.Domains.Reading;
using ControlPlane.Nodes;
using ControlPlane.Tests.Domains;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace ControlPlane.Tests.Adoptions;

/// <summary>What the order's step makes of what a node handed in, on a real vault and database.</summary>
public sealed class AdoptBundleTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task An_order_that_adopts_waits_for_an_operator_and_buys_nothing()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await AwaitedAsync(bench);

        var waiting = await bench.TurnAsync(order);

        Assert.Equal((OrderState.PendingDns, "awaiting-adoption"), (waiting.State, waiting.Reason));
        var view = await ViewAsync(bench, order);
        Assert.Equal("Operator", view.WaitingOn.ToString());
        Assert.Contains("sync-agent adopt", view.Fix[0].Text, StringComparison.Ordinal);
        Assert.Empty(bench.Ca.Paid);
    }

    [Fact]
    public async Task What_no_node_hands_in_within_a_week_fails_and_is_not_bought_either()
    {
        await using var bench = await PathBench.StartAsync(database);
        var order = await AwaitedAsync(bench);
        await bench.TurnAsync(order);

        bench.Clock.Advance(TimeSpan.FromDays(7) + TimeSpan.FromMinutes(1));
        var failed = await bench.TurnAsync(order);

        Assert.Equal((OrderState.Failed, "adoption-timed-out"), (failed.State, failed.Reason));
        Assert.Empty(bench.Ca.Paid);
    }

    [Theory]
    [InlineData("P-256")]
    [InlineData("P-384")]
    [InlineData("RSA")]
    public async Task A_bundle_is_served_as_it_was_with_its_key_in_the_vault_and_no_call_to_the_ca(string kind)
    {
        await using var bench = await PathBench.StartAsync(database);
        var (node, _) = await bench.NodeAsync("node-1");
        var order = await AwaitedAsync(bench);
        using var pair = Pair(kind);
        var leaf = bench.Pki.Leaf(CsrOf(pair), [order.Hostname]);
        await HandInAsync(bench, order, node, leaf, pair.ExportPkcs8PrivateKey());

        var moved = await bench.TurnAsync(order);

        Assert.Equal((OrderState.PendingDeployment, (string?)null), (moved.State, moved.CaOrderId));
        await using var db = bench.Open();
        var bundle = await db.Bundles.SingleAsync(row => row.OrderId == order.Id);
        Assert.Equal(leaf, bundle.Leaf);
        var kept = (await bench.Vault.ReadAsync([bundle.KeyId], default))[bundle.KeyId];
        Assert.Equal((order.DomainId, order.Id), (kept.DomainId, kept.OrderId));
        using var opened = await bench.Vault.OpenAsync(kept, default);
        Assert.Equal(pair.ExportPkcs8PrivateKey(), opened.Pkcs8.ToArray());
        Assert.Equal(bundle.Id, (await db.DesiredChanges.SingleAsync()).BundleId);
        Assert.Null((await db.AdoptedBundles.SingleAsync()).Ciphertext);
        Assert.Contains(EventTypes.BundleAdopted, await bench.EventsAsync(order));
        Assert.Empty(bench.Ca.Paid);

        await bench.PublishAsync();
        await bench.ReportAsync(node, order, bundle.Fingerprint);
        Assert.Equal(OrderState.Active, (await bench.TurnUntilMovedAsync(moved)).State);
    }

    [Theory]
    [InlineData("another key", "The private key is not the leaf's.")]
    [InlineData("no key", "The private key is not the leaf's.")]
    [InlineData("another name", "not for shop-1.example.com alone")]
    [InlineData("two names", "not for shop-1.example.com alone")]
    [InlineData("expired", "It has expired")]
    [InlineData("a chain of its own making", "Its chain does not build")]
    [InlineData("sealed for another name", "Its key does not open")]
    [InlineData("sealed by another node", "Its key does not open")]
    public async Task What_does_not_hold_is_refused_with_its_reason_and_waited_for_anew(string wrong, string why)
    {
        await using var bench = await PathBench.StartAsync(database);
        var (node, _) = await bench.NodeAsync("node-1");
        var (other, _) = await bench.NodeAsync("node-2");
        var order = await AwaitedAsync(bench);
        using var pair = Pair("P-256");
        using var stranger = Pair("P-256");
        using var homemade = new TestPki(bench.Clock.GetUtcNow());
        var csr = CsrOf(pair);
        var leaf = wrong switch
        {
            "another name" => bench.Pki.Leaf(csr, ["other.example.com"]),
            "two names" => bench.Pki.Leaf(csr, [order.Hostname, "www.example.com"]),
            "expired" => bench.Pki.Leaf(csr, [order.Hostname], TimeSpan.FromDays(-100), days: 90),
            "a chain of its own making" => homemade.Leaf(csr, [order.Hostname]),
            _ => bench.Pki.Leaf(csr, [order.Hostname]),
        };
        var key = wrong switch
        {
            "another key" => stranger.ExportPkcs8PrivateKey(),
            "no key" => "no key at all"u8.ToArray(),
            _ => pair.ExportPkcs8PrivateKey(),
        };
        await HandInAsync(
            bench, order, node, leaf, key, name: wrong == "sealed for another name" ? "other.example.com" : null,
            by: wrong == "sealed by another node" ? other : null);

        var waiting = await bench.TurnAsync(order);

        Assert.Equal((OrderState.PendingDns, "awaiting-adoption"), (waiting.State, waiting.Reason));
        Assert.Contains(why, waiting.ReasonDetail, StringComparison.Ordinal);
        Assert.Contains(EventTypes.AdoptionRefused, await bench.EventsAsync(order));
        await using var db = bench.Open();
        Assert.False(await db.Bundles.AnyAsync());
        Assert.False(await db.VaultKeys.AnyAsync(row => row.OrderId == order.Id && row.DeletedAt == null));
        Assert.Null((await db.AdoptedBundles.SingleAsync()).Ciphertext);
    }

    [Fact]
    public async Task The_orders_behind_many_certificates_are_found_with_one_question_and_never_asked_for_again()
    {
        await using var bench = await PathBench.StartAsync(database);
        var (node, _) = await bench.NodeAsync("node-1");
        var orders = new List<Order>();
        for (var n = 0; n < 3; n++)
        {
            var order = await AwaitedAsync(bench);
            using var pair = Pair("P-256");
            await HandInAsync(
                bench, order, node, bench.Pki.Leaf(CsrOf(pair), [order.Hostname]), pair.ExportPkcs8PrivateKey());
            orders.Add(await bench.TurnAsync(order));
        }

        await using var db = bench.Open();
        bench.Ca.BoughtByHand[(await db.Bundles.SingleAsync(row => row.OrderId == orders[0].Id)).Serial] = "4711";
        var sweep = new AdoptedOrderSweep(bench.Authorities, bench, bench.Clock);
        await sweep.RunAsync(default);
        await sweep.RunAsync(default);

        Assert.Equal(1, bench.Ca.Questions);
        var found = await bench.ReadAsync(orders[0]);
        Assert.Equal(("4711", "cert-1"), (found.CaOrderId, found.CaCertificateId));
        Assert.Contains(EventTypes.OrderAdopted, await bench.EventsAsync(orders[0]));
        Assert.Null((await bench.ReadAsync(orders[1])).CaOrderId);
        Assert.Contains(EventTypes.OrderNotAtCa, await bench.EventsAsync(orders[1]));
        Assert.Equal(OrderState.PendingDeployment, (await bench.ReadAsync(orders[2])).State);
    }

    [Fact]
    public async Task The_key_of_an_adoption_stays_while_something_sealed_to_it_waits_and_is_destroyed_after()
    {
        await using var bench = await PathBench.StartAsync(database);
        var (node, _) = await bench.NodeAsync("node-1", NodeStanding.Joining);
        var order = await AwaitedAsync(bench);
        using var pair = Pair("P-256");
        await HandInAsync(
            bench, order, node, bench.Pki.Leaf(CsrOf(pair), [order.Hostname]), pair.ExportPkcs8PrivateKey());
        var collection = new VaultCollection(
            bench, bench.Pause, bench.Trail, bench.Clock, NullLogger<VaultCollection>.Instance);
        await using var db = bench.Open();
        var key = (await db.Adoptions.SingleAsync()).KeyId;

        bench.Clock.Advance(TimeSpan.FromDays(2));
        await collection.RunAsync(default);
        Assert.True(await db.VaultKeys.AnyAsync(row => row.Id == key));

        Assert.Equal(OrderState.PendingDeployment, (await bench.TurnAsync(order)).State);
        await collection.RunAsync(default);
        Assert.False(await db.VaultKeys.AnyAsync(row => row.Id == key));
        Assert.True(await db.VaultKeys.AnyAsync(row => row.OrderId == order.Id));
    }

    /// <summary>An order of a domain that was registered with adopt.</summary>
    private static async Task<Order> AwaitedAsync(PathBench bench)
    {
        var order = await bench.OrderAsync(OrderState.PendingDns);
        await bench.SqlAsync($"UPDATE orders SET kind = 'Adoption' WHERE id = {order.Id}");
        return order;
    }

    private static async Task HandInAsync(
        PathBench bench, Order order, Guid node, byte[] leaf, byte[] pkcs8, string? name = null, Guid? by = null)
    {
        using var pair = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var publicKey = pair.ExportSubjectPublicKeyInfo();
        using var key = new PrivateKey(pair.ExportPkcs8PrivateKey(), SHA256.HashData(publicKey));
        var keyId = await bench.Vault.SealAsync(key, Guid.Empty, Guid.Empty, default);
        var adoption = Guid.CreateVersion7();
        var fingerprint = Convert.ToHexStringLower(SHA256.HashData(leaf));
        var now = bench.Clock.GetUtcNow();
        var (encapsulation, ciphertext) = Hpke.Seal(
            pair.PublicKey, AdoptionBinding.HpkeInfo,
            new AdoptionBinding(bench.FleetId, by ?? node, adoption, name ?? order.Hostname, fingerprint)
                .ToAdditionalData(),
            pkcs8);
        await bench.SqlAsync(
            $"""
             INSERT INTO adoptions (id, fleet_id, code_hash, key_id, public_key, created_at, expires_at)
             VALUES ({adoption}, {bench.FleetId}, {RandomNumberGenerator.GetBytes(32)}, {keyId}, {publicKey}, {now},
                     {now.AddHours(1)})
             """);
        await bench.SqlAsync(
            $"""
             INSERT INTO adopted_bundles (order_id, adoption_id, node_id, fingerprint, leaf, intermediates,
                                          encapsulation, ciphertext, handed_in_at)
             VALUES ({order.Id}, {adoption}, {node}, {fingerprint}, {leaf}, {new[] { bench.Pki.Intermediate }},
                     {encapsulation}, {ciphertext}, {now})
             """);
    }

    private static AsymmetricAlgorithm Pair(string kind) => kind switch
    {
        "RSA" => RSA.Create(2048),
        "P-384" => ECDsa.Create(ECCurve.NamedCurves.nistP384),
        _ => ECDsa.Create(ECCurve.NamedCurves.nistP256),
    };

    private static byte[] CsrOf(AsymmetricAlgorithm pair) =>
        (pair is RSA rsa
            ? new CertificateRequest(
                "CN=any", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest(
                "CN=any", (ECDsa)pair, HashAlgorithmName.SHA256)).CreateSigningRequest();

    private static async Task<DomainView> ViewAsync(PathBench bench, Order order)
    {
        await using var db = bench.Open();
        var domain = await db.Domains.AsNoTracking().SingleAsync(row => row.Id == order.DomainId);
        return await new DomainViews(db, bench.Authorities, Options.Create(bench.Fleet), bench.Clock)
            .OneAsync(domain, default);
    }
}
