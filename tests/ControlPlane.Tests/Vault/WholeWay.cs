using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Contracts.Sealing;
using ControlPlane.Domains;
using ControlPlane.Tests.Domains;
using ControlPlane.Tests.Nodes;

namespace ControlPlane.Tests.Vault;

/// <summary>A name's way from its first step to the bundle in a node's hands, in legs between which a test may do what
/// it likes.</summary>
internal sealed class WholeWay(PathBench bench)
{
    private readonly Dictionary<Guid, byte[]> _csrs = [];

    /// <summary>The step that makes and seals the key.</summary>
    public async Task<Order> SealAsync()
    {
        bench.Ca.OnPlace = request => Task.FromResult(new PlacedOrder($"ca-{request.Order}", "cert", Token: null));
        var order = await bench.TurnAsync(await bench.OrderAsync(OrderState.PendingOrder));
        Assert.Equal(OrderState.PendingValidation, order.State);
        _csrs[order.Id] = order.Csr!;
        return order;
    }

    /// <summary>Validation, issuance, and desired state. Needs a serving node of the bench.</summary>
    public async Task<Order> IssueAsync(Order order)
    {
        order = await bench.TurnUntilMovedAsync(order);
        bench.Ca.OnRead = () => StandInCa.Told(CaOrderStatus.Issued, order.CaOrderId!);
        bench.Ca.OnDownload = () => bench.Pki.Issue(_csrs[order.Id], order.Hostname);
        order = await bench.TurnUntilMovedAsync(order);
        Assert.Equal(OrderState.PendingDeployment, order.State);
        await bench.PublishAsync();
        return order;
    }

    /// <summary>Proof by the bench's node.</summary>
    public async Task<Order> ActivateAsync(Order order, Guid node)
    {
        await bench.ReportAsync(node, order, await bench.FingerprintAsync(order));
        order = await bench.TurnUntilMovedAsync(order);
        Assert.Equal(OrderState.Active, order.State);
        return order;
    }

    /// <summary>What a node fetches, opened with its own key: PKCS#8. It fits the certificate, or the test
    /// fails.</summary>
    public async Task<byte[]> ReleaseAsync(TestNode node, Order order)
    {
        var answer = await node.FetchedAsync([order.DomainId]);
        var bundle = Assert.Single(answer.Bundles);
        var binding = new SealBinding(
            bench.FleetId, node.Id, bundle.SealingKey, order.DomainId, bundle.Bundle, bundle.Fingerprint);
        var pkcs8 = Hpke.Open(
            node.SealingKey, bundle.Encapsulation, SealBinding.HpkeInfo, binding.ToAdditionalData(), bundle.SealedKey);
        using var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(pkcs8, out _);
        using var leaf = X509CertificateLoader.LoadCertificate(bundle.Leaf);
        Assert.Equal(leaf.PublicKey.ExportSubjectPublicKeyInfo(), key.ExportSubjectPublicKeyInfo());
        return pkcs8;
    }
}
