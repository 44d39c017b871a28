using System.Security.Cryptography;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Contracts.Sealing;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using ControlPlane.Domains.Running;
using ControlPlane.Http;
using ControlPlane.Jobs;
using ControlPlane.Nodes;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Adoptions;

/// <summary>
/// PendingDns of an order that buys nothing: waits until a node has handed in the bundle, moves its key into the vault
/// as a key of our own making is, and records it. What does not hold is refused with its reason, and waited for anew.
/// </summary>
internal sealed class AdoptBundle(
    ChainVerifier verifier, IVault vault, IDesiredStatePublisher publisher, IWakes wakes)
{
    /// <summary>News comes by itself; this only sees to the deadline.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromHours(1);

    public async Task<StepResult> RunAsync(OrderRun run, CancellationToken ct)
    {
        var order = run.Order;
        var given = await run.Db.AdoptedBundles.SingleOrDefaultAsync(row => row.OrderId == order.Id, ct);
        if (given is not { SettledAt: null })
        {
            var detail = given?.Refusal is { } why
                ? $"The last one that was handed in was refused: {why}"
                : "No node has handed in the certificate.";
            return run.Now - order.CreatedAt > RetrySchedules.DnsDeadline
                ? new StepResult.Cancel(
                    Reasons.AdoptionTimedOut, $"Given up after {RetrySchedules.DnsDeadline.Days} days. {detail}")
                : new StepResult.Snooze(Look, Reasons.AwaitingAdoption, detail);
        }

        return order.KeyId is null ? await TakeKeyAsync(run, given, ct) : await RecordAsync(run, given, ct);
    }

    private async Task<StepResult> TakeKeyAsync(OrderRun run, AdoptedBundle given, CancellationToken ct)
    {
        var order = run.Order;
        if (await OpenAsync(run, given, ct) is not { } pkcs8)
        {
            return await RefuseAsync(
                run, given, "Its key does not open: the adoption is over, or it was sealed to another one.", ct);
        }

        if (OrderKey.Adopt(order.Hostname, given.Leaf, pkcs8) is not { } adopted)
        {
            return await RefuseAsync(run, given, "The private key is not the leaf's.", ct);
        }

        using (adopted)
        {
            order.KeyId = await run.CallAsync("Seal", () => vault.SealAsync(adopted.Key, order.DomainId, order.Id, ct));
            order.Csr = adopted.Csr;
            run.Tell(EventTypes.KeySealed, "The key of the certificate in use is sealed in the vault.");
            await run.CommitAsync("KeyRecorded", ct);
            return new StepResult.Again();
        }
    }

    /// <returns>PKCS#8; null when it does not open.</returns>
    private async Task<byte[]?> OpenAsync(OrderRun run, AdoptedBundle given, CancellationToken ct)
    {
        var adoption = await run.Db.Adoptions.AsNoTracking().SingleAsync(row => row.Id == given.AdoptionId, ct);
        var kept = await run.CallAsync("ReadKey", () => vault.ReadAsync([adoption.KeyId], ct));
        if (!kept.TryGetValue(adoption.KeyId, out var sealedKey))
        {
            return null;
        }

        using var key = await run.CallAsync("OpenKey", () => vault.OpenAsync(sealedKey, ct));
        using var recipient = ECDiffieHellman.Create();
        recipient.ImportPkcs8PrivateKey(key.Pkcs8, out _);
        var binding = new AdoptionBinding(
            adoption.FleetId, given.NodeId, adoption.Id, run.Order.Hostname, given.Fingerprint);
        try
        {
            return Hpke.Open(
                recipient, given.Encapsulation, AdoptionBinding.HpkeInfo, binding.ToAdditionalData(),
                given.Ciphertext);
        }
        catch (CryptographicException)
        {
            // Refused, and told: the caller of this turns it into a sentence.
            return null;
        }
    }

    private async Task<StepResult> RecordAsync(OrderRun run, AdoptedBundle given, CancellationToken ct)
    {
        var issued = IssuedBundle.Read(run, given.Certificates);
        var fault = verifier.AdoptionFault(run.Order.Hostname, given.Certificates)
            ?? (await run.Db.Bundles.AnyAsync(
                known => known.Issuer == issued.Bundle.Issuer && known.Serial == issued.Bundle.Serial, ct)
                ? $"Serial {issued.Bundle.Serial} is another registration's." : null);
        if (fault is not null)
        {
            return await RefuseAsync(run, given, fault, ct);
        }

        if (!await issued.RecordAsync(run, wakes, publisher, ct))
        {
            return new StepResult.Snooze(TimeSpan.Zero, Reasons.OwnershipLost, Reasons.OwnershipLost.Title);
        }

        given.Settle(refusal: null, run.Now);
        run.Tell(
            EventTypes.BundleAdopted,
            $"Certificate {issued.Bundle.Serial}, valid until {issued.Bundle.NotAfter:yyyy-MM-dd}, is taken over from "
            + $"{await NodeNameAsync(run, given, ct)}. Nothing was ordered.");
        return new StepResult.Advance(
            OrderState.PendingDeployment, $"{run.Domain.Hostname} is handed to the nodes.");
    }

    private async Task<StepResult> RefuseAsync(
        OrderRun run, AdoptedBundle given, string why, CancellationToken ct)
    {
        if (run.Order.KeyId is { } key)
        {
            await run.CallAsync("DeleteKey", () => vault.DeleteAsync(key, ct));
            (run.Order.KeyId, run.Order.Csr) = (null, null);
        }

        given.Settle(why, run.Now);
        run.Tell(
            EventTypes.AdoptionRefused,
            $"What {await NodeNameAsync(run, given, ct)} handed in is refused: {why}");
        await run.CommitAsync("Refused", ct);
        return new StepResult.Again();
    }

    private static Task<string> NodeNameAsync(OrderRun run, AdoptedBundle given, CancellationToken ct) =>
        run.Db.Nodes.Where(node => node.Id == given.NodeId).Select(node => node.Name).SingleAsync(ct);
}
