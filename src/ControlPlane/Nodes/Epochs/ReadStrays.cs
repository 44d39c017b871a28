using System.ComponentModel;
using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Nodes.Fleets;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace ControlPlane.Nodes.Epochs;

/// <summary>A name that is served or was ordered, and that this database has forgotten.</summary>
/// <param name="Hostname">The name.</param>
/// <param name="Nodes">Who serves it; empty when it was only ordered.</param>
/// <param name="Fingerprints">SHA-256 of the leaves they serve it with.</param>
/// <param name="NotAfter">When the first of those ends; null when nobody serves it.</param>
/// <param name="CaOrders">Orders of ours at the CA without a row here. They belong to no fleet and are listed with
/// each.</param>
/// <param name="Domain">The registration that has the name now, on its way to be served again; null when there is
/// none.</param>
internal sealed record StrayView(
    string Hostname, IReadOnlyList<string> Nodes, IReadOnlyList<string> Fingerprints, DateTimeOffset? NotAfter,
    IReadOnlyList<string> CaOrders, Guid? Domain);

/// <summary>GET /v1/fleets/{fleet}/strays.</summary>
internal static class ReadStrays
{
    private const string Sql =
        """
        WITH served AS (
            SELECT stray.hostname, array_agg(node.name ORDER BY node.name) AS nodes,
                   array_agg(DISTINCT stray.fingerprint) AS fingerprints, min(stray.not_after) AS not_after
            FROM node_strays stray JOIN nodes node ON node.id = stray.node_id
            WHERE node.fleet_id = $1 AND node.standing <> 'Retired' GROUP BY stray.hostname
        ), ordered AS (
            SELECT hostname, array_agg(ca_order_id ORDER BY ca_order_id) AS ca_orders FROM found_ca_orders
            GROUP BY hostname
        )
        SELECT lost.hostname, coalesce(lost.nodes, '{}'), coalesce(lost.fingerprints, '{}'), lost.not_after,
               coalesce(lost.ca_orders, '{}'), domain.id
        FROM (SELECT * FROM served FULL JOIN ordered USING (hostname)) lost
        LEFT JOIN domains domain ON domain.hostname = lost.hostname AND domain.deleted_at IS NULL
        WHERE lost.hostname > $2 ORDER BY lost.hostname LIMIT $3
        """;

    public static async Task<Results<Ok<Page<StrayView>>, Problem>> ListAsync(
        [Description("The fleet, by id or name.")] string fleet,
        ControlPlaneDb db,
        NpgsqlDataSource database,
        CancellationToken ct,
        [Description("nextCursor of the page before.")] string? cursor = null,
        [Description("1–200 names a page.")] int limit = Page<StrayView>.DefaultLimit)
    {
        if (Page<StrayView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        if (await FleetReference.FindAsync(db, fleet, ct) is not { Id: var id })
        {
            return FleetReference.NotFound();
        }

        await using var command = database.CreateCommand(Sql);
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = cursor ?? "" });
        command.Parameters.Add(new() { Value = limit + 1 });
        await using var reader = await command.ExecuteReaderAsync(ct);
        var rows = new List<StrayView>();
        while (await reader.ReadAsync(ct))
        {
            rows.Add(new StrayView(
                reader.GetString(0), reader.GetFieldValue<string[]>(1), reader.GetFieldValue<string[]>(2),
                reader.IsDBNull(3) ? null : reader.GetFieldValue<DateTimeOffset>(3),
                reader.GetFieldValue<string[]>(4), reader.IsDBNull(5) ? null : reader.GetGuid(5)));
        }

        var items = rows.Take(limit).ToList();
        return TypedResults.Ok(new Page<StrayView>(items, rows.Count > limit ? items[^1].Hostname : null));
    }
}
