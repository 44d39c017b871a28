using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ControlPlane.Database;
using ControlPlane.Http;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Receipts;

/// <summary>Makes receipts from the rows, as of now.</summary>
internal static class ReceiptDocuments
{
    private static readonly JsonSerializerOptions Json = Options();

    private const string OfNode =
        """
        WITH seen AS (
            SELECT bundle.id, bundle.fingerprint, bundle.key_id FROM bundles bundle
            WHERE EXISTS (SELECT 1 FROM bundle_releases WHERE node_id = $1 AND bundle_id = bundle.id)
        )
        SELECT node.name, fleet.name, node.joined_at, node.retired_at, node.banned_at, node.sealing_key_id,
               (SELECT count(*) FROM seen),
               (SELECT encode(sha256(convert_to(
                    coalesce(string_agg(fingerprint || E'\n', '' ORDER BY fingerprint COLLATE "C"), ''), 'UTF8')),
                    'hex') FROM seen),
               (SELECT count(*) FROM seen JOIN vault_keys ON vault_keys.id = key_id WHERE deleted_at IS NULL),
               (SELECT count(*) FROM seen JOIN vault_keys ON vault_keys.id = key_id WHERE deleted_at IS NOT NULL),
               (SELECT count(*) FROM seen JOIN destroyed_keys ON destroyed_keys.id = key_id),
               (SELECT count(*) FROM replacements WHERE node_id = $1 AND state = 'Replaced'),
               (SELECT count(*) FROM seen JOIN revocations ON bundle_id = seen.id WHERE state = 'Revoked'),
               (SELECT count(*) FROM seen JOIN revocations ON bundle_id = seen.id WHERE state = 'Failed')
        FROM nodes node JOIN fleets fleet ON fleet.id = node.fleet_id WHERE node.id = $1
        """;

    public static string Write<T>(T receipt) => JsonSerializer.Serialize(receipt, Json);

    public static byte[] Hash(string document) => SHA256.HashData(Encoding.UTF8.GetBytes(document));

    /// <summary>The receipt as it was issued, or, while it was not, as it would be now.</summary>
    public static async Task<ReceiptView<T>> ViewAsync<T>(IssuedReceipt? issued, Func<Task<T>> present)
        where T : notnull => issued is null
            ? new ReceiptView<T>(false, null, null, await present())
            : new ReceiptView<T>(
                true, issued.IssuedAt, Convert.ToHexStringLower(issued.Sha256),
                JsonSerializer.Deserialize<T>(issued.Document, Json)!);

    public static async Task<DomainReceipt> OfDomainAsync(ControlPlaneDb db, Guid id, CancellationToken ct)
    {
        var domain = await db.Domains.AsNoTracking().SingleAsync(row => row.Id == id, ct);
        var serials = await db.Bundles.Where(row => row.DomainId == id)
            .ToDictionaryAsync(row => row.OrderId, row => row.Serial, ct);
        var orders = await db.Orders.AsNoTracking().Where(row => row.DomainId == id).OrderBy(row => row.Sequence)
            .Select(row => new { row.Id, row.Kind, row.State, row.CaOrderId }).ToListAsync(ct);
        var kept = await db.VaultKeys.Where(row => row.DomainId == id)
            .Select(row => new { row.Id, row.OrderId, row.PublicKeyHash, row.CreatedAt, row.DeletedAt })
            .ToListAsync(ct);
        var gone = await db.DestroyedKeys.AsNoTracking().Where(row => row.DomainId == id).ToListAsync(ct);
        return new DomainReceipt(
            domain.Id, domain.Hostname, domain.TenantId, domain.DeletedAt, domain.WithdrawnFrom, domain.NotAsked,
            [.. orders.Select(row => new ReceiptOrder(
                row.Id, row.Kind, row.State, row.CaOrderId, serials.GetValueOrDefault(row.Id)))],
            [
                .. kept.Select(row => new ReceiptKey(
                        row.Id, row.OrderId, Convert.ToHexStringLower(row.PublicKeyHash), row.CreatedAt, row.DeletedAt,
                        DestroyedAt: null))
                    .Concat(gone.Select(row => new ReceiptKey(
                        row.Id, row.OrderId, Convert.ToHexStringLower(row.PublicKeyHash), row.CreatedAt, row.DeletedAt,
                        row.DestroyedAt)))
                    .OrderBy(key => key.SealedAt).ThenBy(key => key.Id),
            ]);
    }

    public static async Task<NodeReceipt> OfNodeAsync(NpgsqlConnection connection, Guid id, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(OfNode, connection) { Parameters = { new() { Value = id } } };
        await using var row = await command.ExecuteReaderAsync(ct);
        await row.ReadAsync(ct);
        return new NodeReceipt(
            id, row.GetString(0), row.GetString(1), row.GetFieldValue<DateTimeOffset>(2),
            row.GetFieldValue<DateTimeOffset?>(3), row.GetFieldValue<DateTimeOffset?>(4), row.GetString(5),
            row.GetInt64(6), row.GetString(7), row.GetInt64(8), row.GetInt64(9), row.GetInt64(10), row.GetInt64(11),
            row.GetInt64(12), row.GetInt64(13));
    }

    private static JsonSerializerOptions Options()
    {
        var options = new JsonSerializerOptions();
        JsonSetup.Apply(options);
        // Rows of a later version may hold more.
        options.UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Skip;
        return options;
    }
}
