using System.Security.Cryptography;
using System.Text;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Nodes;
using ControlPlane.Receipts;
using ControlPlane.Tests.Domains;
using ControlPlane.Tests.Domains.Revoking;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.Receipts;

public sealed class ReceiptTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    /// <summary>Fails when a receipt is issued while a key can still be opened, when it leaves a key, an order or a
    /// node out, or when the trail does not hold its hash.</summary>
    [Fact]
    public async Task A_deleted_domains_receipt_comes_with_the_end_of_its_last_key_and_the_trail_has_its_hash()
    {
        await using var revocations = await RevocationBench.StartAsync(database);
        var bench = revocations.Path;
        var old = await revocations.Rekey.ServedAsync();
        await revocations.RequestAsync(old, RevocationReason.Superseded, atOnce: false);
        await revocations.SweepAsync();
        var served = await revocations.ReplaceAsync(old);
        await revocations.Rekey.DeleteOldKeysAsync();
        bench.Clock.Advance(TimeSpan.FromDays(1));
        await bench.NodeAsync("lost", NodeStanding.Lost);

        var deleted = await DeleteAsync(revocations, served);
        await CollectAndIssueAsync(bench);
        var early = await ViewAsync(deleted.DomainId);
        Assert.False(early.Complete);
        Assert.All(early.Receipt.Keys, key => Assert.NotNull(key.DeletedAt));
        Assert.All(early.Receipt.Keys, key => Assert.Null(key.DestroyedAt));

        bench.Clock.Advance(TimeSpan.FromDays(29.5)); // the replaced key's thirty days are over, the last one's not
        await CollectAndIssueAsync(bench);
        Assert.Equal((false, 1), (
            (await ViewAsync(deleted.DomainId)).Complete,
            (await ViewAsync(deleted.DomainId)).Receipt.Keys.Count(key => key.DestroyedAt is not null)));

        bench.Clock.Advance(TimeSpan.FromDays(1));
        await CollectAndIssueAsync(bench);
        await CollectAndIssueAsync(bench);

        var view = await ViewAsync(deleted.DomainId);
        Assert.True(view.Complete);
        Assert.Equal(deleted.Hostname, view.Receipt.Hostname);
        Assert.Equal(["lost"], view.Receipt.NotAsked);
        Assert.Equal(["mate", "stolen"], view.Receipt.ProvedAbsence.Order());
        Assert.Equal([old.Id, served.Id], view.Receipt.Orders.Select(order => order.Id));
        Assert.Equal(
            new[] { $"{old.KeyId} {Hash(old.Csr!)}", $"{served.KeyId} {Hash(served.Csr!)}" }.Order(),
            view.Receipt.Keys.Select(key => $"{key.Id} {key.PublicKeySha256}").Order());
        Assert.All(view.Receipt.Keys, key => Assert.True(key.DestroyedAt >= key.DeletedAt!.Value.AddDays(30)));
        Assert.Equal(
            view.Sha256,
            Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(ReceiptDocuments.Write(view.Receipt)))));
        Assert.Equal([$"sha256:{view.Sha256}"], await OutcomesAsync($"domains/{deleted.DomainId}"));
    }

    /// <summary>Fails when a stolen node is called done with while something that it could read is good.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_banned_nodes_receipt_comes_when_all_it_could_read_is_replaced_and_revoked(bool wasAskedBefore)
    {
        await using var revocations = await RevocationBench.StartAsync(database);
        var (bench, rekey) = (revocations.Path, revocations.Rekey);
        var served = await rekey.ServedAsync();
        if (wasAskedBefore)
        {
            await revocations.RequestAsync(served, RevocationReason.Superseded, atOnce: false);
        }

        await rekey.ServedAsync(isReadByStolen: false);
        await rekey.BanAsync();
        await bench.SqlAsync($"UPDATE nodes SET retired_at = {bench.Clock.GetUtcNow()} WHERE id = {rekey.Stolen}");
        await rekey.SweepAsync();
        await revocations.SweepAsync();
        await CollectAndIssueAsync(bench);
        Assert.Empty(await OutcomesAsync($"nodes/{rekey.Stolen}"));

        await revocations.ReplaceAsync(served);
        await rekey.SweepAsync();
        await CollectAndIssueAsync(bench);
        Assert.Empty(await OutcomesAsync($"nodes/{rekey.Stolen}"));

        await revocations.SweepAsync();
        await rekey.DeleteOldKeysAsync();
        await CollectAndIssueAsync(bench);

        await using var db = database.Open();
        var issued = await db.Receipts.AsNoTracking().SingleAsync(row => row.NodeId == rekey.Stolen);
        var receipt = (await ReceiptDocuments.ViewAsync<NodeReceipt>(
            issued, () => throw new InvalidOperationException("It was issued."))).Receipt;
        Assert.Equal(("stolen", 1, 1, 1), (receipt.Name, receipt.Certificates, receipt.Replaced, receipt.Revoked));
        Assert.Equal((0, 1, 0), (receipt.KeysInUse, receipt.KeysDeleted, receipt.KeysDestroyed));
        Assert.Equal(
            Convert.ToHexStringLower(SHA256.HashData(
                Encoding.UTF8.GetBytes(await bench.FingerprintAsync(served) + "\n"))),
            receipt.CertificatesSha256);
        Assert.Equal(
            [$"sha256:{Convert.ToHexStringLower(issued.Sha256)}"],
            await OutcomesAsync($"nodes/{rekey.Stolen}"));
    }

    [Fact]
    public async Task A_retired_node_gets_its_receipt_at_once_and_what_others_serve_with_is_named_as_in_use()
    {
        await using var revocations = await RevocationBench.StartAsync(database);
        var (bench, rekey) = (revocations.Path, revocations.Rekey);
        await rekey.ServedAsync();
        await bench.SqlAsync(
            $"""
             UPDATE nodes SET standing = 'Retired', retired_at = {bench.Clock.GetUtcNow()} WHERE id = {rekey.Stolen}
             """);

        await CollectAndIssueAsync(bench);

        await using var db = database.Open();
        var receipt = (await ReceiptDocuments.ViewAsync<NodeReceipt>(
            await db.Receipts.AsNoTracking().SingleAsync(),
            () => throw new InvalidOperationException("It was issued."))).Receipt;
        Assert.Equal((1, 1, null), (receipt.Certificates, receipt.KeysInUse, receipt.BannedAt));
    }

    private static async Task<Order> DeleteAsync(RevocationBench revocations, Order order)
    {
        var bench = revocations.Path;
        await bench.SqlAsync($"UPDATE domains SET status = 'Deleting' WHERE id = {order.DomainId}");
        await bench.SqlAsync(
            $"""
             UPDATE orders SET state = 'Canceling', cancel_requested_at = now(), next_attempt_at = 'epoch'
             WHERE id = {order.Id}
             """);
        var waiting = await bench.TurnAsync(await bench.ReadAsync(order));
        await bench.PublishAsync();
        foreach (var node in new[] { revocations.Rekey.Stolen, revocations.Rekey.Mate })
        {
            await bench.ReportAsync(node, order, fingerprint: null);
        }

        var ended = await bench.TurnUntilMovedAsync(waiting);
        Assert.Equal((OrderState.Canceled, DomainStatus.Deleted), (ended.State, ended.Domain.Status));
        return ended;
    }

    private async Task CollectAndIssueAsync(PathBench bench)
    {
        await bench.SqlAsync($"UPDATE nodes SET last_seen_at = {bench.Clock.GetUtcNow()}");
        await new VaultCollection(bench, bench.Pause, bench.Trail, bench.Clock, NullLogger<VaultCollection>.Instance)
            .RunAsync(default);
        await new ReceiptSweep(
            bench, database.DataSource, bench.Trail, bench.Clock, NullLogger<ReceiptSweep>.Instance).RunAsync(default);
    }

    private async Task<ReceiptView<DomainReceipt>> ViewAsync(Guid domain)
    {
        await using var db = database.Open();
        return await ReceiptDocuments.ViewAsync(
            await db.Receipts.AsNoTracking().SingleOrDefaultAsync(row => row.DomainId == domain),
            () => ReceiptDocuments.OfDomainAsync(db, domain, default));
    }

    private static string Hash(byte[] csr) => Convert.ToHexStringLower(SHA256.HashData(
        System.Security.Cryptography.X509Certificates.CertificateRequest.LoadSigningRequest(
            csr, HashAlgorithmName.SHA256).PublicKey.ExportSubjectPublicKeyInfo()));

    private async Task<IReadOnlyList<string>> OutcomesAsync(string target)
    {
        await using var db = database.Open();
        return await db.Database.SqlQuery<string>(
            $"""
             SELECT outcome AS "Value" FROM audit_entries WHERE operation = 'IssueReceipt' AND target = {target}
             """).ToListAsync();
    }
}
