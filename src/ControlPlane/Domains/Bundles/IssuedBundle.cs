using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Database;
using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Running;
using ControlPlane.Jobs;
using ControlPlane.Nodes;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Bundles;

/// <summary>A verified chain, read into the rows it becomes.</summary>
internal sealed record IssuedBundle(Bundle Bundle, Chain Chain)
{
    public static IssuedBundle Read(OrderRun run, IReadOnlyList<byte[]> certificates)
    {
        using var leaf = X509CertificateLoader.LoadCertificate(certificates[0]);
        var intermediates = certificates.Skip(1).ToArray();
        var chain = new Chain
        {
            Id = Convert.ToHexStringLower(SHA256.HashData([.. intermediates.SelectMany(der => der)])),
            Intermediates = intermediates,
        };
        var bundle = new Bundle
        {
            Id = Guid.CreateVersion7(run.Now),
            DomainId = run.Order.DomainId,
            OrderId = run.Order.Id,
            KeyId = run.Order.KeyId!.Value,
            ChainId = chain.Id,
            Leaf = certificates[0],
            Issuer = leaf.Issuer,
            Serial = leaf.SerialNumber,
            Fingerprint = Convert.ToHexStringLower(SHA256.HashData(certificates[0])),
            NotBefore = leaf.NotBefore.ToUniversalTime(),
            NotAfter = leaf.NotAfter.ToUniversalTime(),
            CreatedAt = run.Now,
        };
        return new IssuedBundle(bundle, chain);
    }

    /// <summary>Records it, and the word for the publisher, in the transaction that the step commits.</summary>
    /// <returns>False when the claim to the name was lost meanwhile: nothing may be published.</returns>
    public async Task<bool> RecordAsync(
        OrderRun run, IWakes wakes, IDesiredStatePublisher publisher, CancellationToken ct)
    {
        await StoreChainAsync(run.Db, ct);
        await run.BeginAsync(ct);
        if (!await Contest.TakeOverAsync(run, wakes, ct))
        {
            return false;
        }

        run.Db.Bundles.Add(Bundle);
        // Written now, within the transaction: the word for the publisher refers to it.
        await run.Db.SaveChangesAsync(ct);
        run.Order.BundleId = Bundle.Id;
        await DesiredChanges.RecordAsync(run, Bundle.Id, ct);
        run.AfterCommit(publisher.Wake);
        return true;
    }

    /// <summary>Stores the chain unless it is there: thousands of leaves stand on one.</summary>
    public Task StoreChainAsync(ControlPlaneDb db, CancellationToken ct) => db.Database.ExecuteSqlAsync(
        $"""
         INSERT INTO chains (id, intermediates) VALUES ({Chain.Id}, {Chain.Intermediates}) ON CONFLICT (id) DO NOTHING
         """,
        ct);
}
