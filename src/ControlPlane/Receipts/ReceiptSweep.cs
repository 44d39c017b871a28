using ControlPlane.Audit;
using ControlPlane.Database;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Receipts;

/// <summary>
/// Issues the receipts that are due, each with its entry of the audit trail in one transaction. A domain's is due when
/// it is deleted and every key that any of its orders ever had is destroyed; a node's when it is retired, and, where it
/// was banned with <c>rekey</c>, all it could read is replaced and revoked, whoever asked for that. What was deleted
/// before receipts were kept gets none.
/// </summary>
internal sealed partial class ReceiptSweep(
    IDbContextFactory<ControlPlaneDb> databases, NpgsqlDataSource database, AuditTrail trail, TimeProvider time,
    ILogger<ReceiptSweep> log) : ISweep
{
    /// <summary>The operation in the audit trail.</summary>
    public const string Operation = "IssueReceipt";

    private const string DueDomains =
        """
        SELECT domain.id FROM domains domain
        WHERE domain.status = 'Deleted'
          AND NOT EXISTS (SELECT 1 FROM receipts WHERE domain_id = domain.id)
          AND NOT EXISTS (SELECT 1 FROM vault_keys WHERE domain_id = domain.id)
          AND NOT EXISTS (
              SELECT key_id FROM orders WHERE domain_id = domain.id AND key_id IS NOT NULL
              UNION ALL
              SELECT key_id FROM bundles WHERE domain_id = domain.id
              EXCEPT
              SELECT id FROM destroyed_keys WHERE domain_id = domain.id)
        ORDER BY domain.id LIMIT $1
        """;

    private const string DueNodes =
        """
        SELECT node.id FROM nodes node LEFT JOIN node_bans ban ON ban.node_id = node.id
        WHERE node.retired_at IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM receipts WHERE node_id = node.id)
          AND (ban.rekey_asked_at IS NULL OR ban.rekey_finished_at IS NOT NULL)
          AND NOT EXISTS (
              SELECT 1 FROM revocations pending WHERE pending.state NOT IN ('Revoked', 'Failed')
                AND (pending.node_id = node.id OR (ban.rekey_asked_at IS NOT NULL AND EXISTS (
                    SELECT 1 FROM bundle_releases
                    WHERE bundle_releases.node_id = node.id AND bundle_releases.bundle_id = pending.bundle_id))))
        ORDER BY node.id LIMIT $1
        """;

    /// <summary>Per turn and kind; the next turn goes on.</summary>
    private const int Most = 500;

    public async Task RunAsync(CancellationToken ct)
    {
        var (domains, nodes) = (await DueAsync(DueDomains, ct), await DueAsync(DueNodes, ct));
        foreach (var id in domains)
        {
            await IssueAsync("domains", id, async (db, _) =>
            {
                var document = ReceiptDocuments.Write(await ReceiptDocuments.OfDomainAsync(db, id, ct));
                return New(document, domain: id);
            }, ct);
        }

        foreach (var id in nodes)
        {
            await IssueAsync("nodes", id, async (_, connection) =>
            {
                var document = ReceiptDocuments.Write(await ReceiptDocuments.OfNodeAsync(connection, id, ct));
                return New(document, node: id);
            }, ct);
        }

        if (domains.Count + nodes.Count > 0)
        {
            LogIssued(domains.Count, nodes.Count);
        }
    }

    private IssuedReceipt New(string document, Guid? domain = null, Guid? node = null) => new()
    {
        DomainId = domain,
        NodeId = node,
        Document = document,
        Sha256 = ReceiptDocuments.Hash(document),
        IssuedAt = time.NowStored(),
    };

    private async Task IssueAsync(
        string kind, Guid id, Func<ControlPlaneDb, NpgsqlConnection, Task<IssuedReceipt>> make, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var connection = (NpgsqlConnection)db.Database.GetDbConnection();
        var receipt = await make(db, connection);
        db.Add(receipt);
        await db.SaveChangesAsync(ct);
        await trail.WriteWithinAsync(
            connection,
            [
                new AuditNote(
                    AuditPhase.Done, AuditActor.System(nameof(ReceiptSweep)), Operation, $"{kind}/{id}",
                    Environment.MachineName, null, $"sha256:{Convert.ToHexStringLower(receipt.Sha256)}"),
            ],
            ct);
        await transaction.CommitAsync(ct);
    }

    private async Task<List<Guid>> DueAsync(string sql, CancellationToken ct)
    {
        await using var command = database.CreateCommand(sql);
        command.Parameters.Add(new() { Value = Most });
        await using var reader = await command.ExecuteReaderAsync(ct);
        List<Guid> due = [];
        while (await reader.ReadAsync(ct))
        {
            due.Add(reader.GetGuid(0));
        }

        return due;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Issued receipts for {Domains} domains and {Nodes} nodes")]
    private partial void LogIssued(int domains, int nodes);
}
