using ControlPlane.Domains;
using ControlPlane.Drills;
using ControlPlane.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace ControlPlane.Nodes.Banning;

/// <summary>How to ban a node.</summary>
/// <param name="Rekey">True replaces every key the node could read and that is in use. A later ban may still ask for
/// it.</param>
/// <param name="Reason">For people, at most 500 characters; the first one given stays.</param>
internal sealed record BanRequest(bool Rekey = false, string? Reason = null);

/// <summary>
/// POST /v1/nodes/{id}/ban: for a node whose keys are in other hands. One transaction refuses it and records what must
/// be replaced; <see cref="RekeySweep"/> works that off. Banning again adds what is missing and repeats nothing.
/// </summary>
internal static class BanNode
{
    public const int LongestReason = 500;

    public static async Task<Results<Ok<NodeView>, Problem>> HandleAsync(
        Guid id, BanRequest? body, [AsParameters] ChangeStanding.Tools tools)
    {
        var request = body ?? new BanRequest();
        if (request.Reason is { } reason && (reason.Length > LongestReason || reason.Contains('\0')))
        {
            var detail = $"reason must have at most {LongestReason} characters, and no zero character.";
            return Problems.InvalidField.With(detail) with
            {
                Errors = [new FieldProblem("reason", Problems.InvalidField.Code, detail)],
            };
        }

        // Goes on when the caller hangs up: who bans a node must not have to wonder whether it came to pass.
        return await ChangeStanding.RunAsync(
            id, tools, NodeStanding.Retired, (change, ct) => BanAsync(change, request, ct), CancellationToken.None);
    }

    private static async Task<Action?> BanAsync(
        ChangeStanding.Change change, BanRequest request, CancellationToken ct)
    {
        var (connection, node, now) = (change.Connection, change.Node, change.Now);
        var isNew = await WriteAsync(connection, node, request, now, ct);
        if (isNew)
        {
            await EndJoinCodesAsync(connection, node, now, ct);
            var why = string.IsNullOrWhiteSpace(request.Reason) ? "" : $" {request.Reason.Trim()}";
            await NodeEvents.TellAsync(
                connection, node, EventTypes.NodeBanned,
                $"Node {change.Name} is banned: it is refused everywhere.{why}", now, ct);
        }

        if (request.Rekey)
        {
            await AskRekeyAsync(change, ct);
        }

        return () => Failpoint.OfThisProcess.Pass("Ban.commit.Banned", change.Name);
    }

    /// <summary>True when the node was not banned before.</summary>
    private static async Task<bool> WriteAsync(
        NpgsqlConnection connection, Guid node, BanRequest request, DateTimeOffset now, CancellationToken ct)
    {
        await using var ban = new NpgsqlCommand(
            """
            INSERT INTO node_bans (node_id, reason) VALUES ($1, $2)
            ON CONFLICT (node_id) DO UPDATE SET reason = coalesce(node_bans.reason, excluded.reason)
            """,
            connection)
        {
            Parameters = { new() { Value = node }, new NpgsqlParameter<string?> { TypedValue = request.Reason } },
        };
        await ban.ExecuteNonQueryAsync(ct);
        await using var refuse = new NpgsqlCommand(
            "UPDATE nodes SET banned_at = $2 WHERE id = $1 AND banned_at IS NULL", connection)
        {
            Parameters = { new() { Value = node }, new() { Value = now } },
        };
        return await refuse.ExecuteNonQueryAsync(ct) > 0;
    }

    /// <summary>Codes of its fleet that nobody has used yet: one may have lain on the node.</summary>
    private static async Task EndJoinCodesAsync(
        NpgsqlConnection connection, Guid node, DateTimeOffset now, CancellationToken ct)
    {
        await using var end = new NpgsqlCommand(
            """
            UPDATE join_codes SET expires_at = $2 FROM nodes
            WHERE nodes.id = $1 AND join_codes.fleet_id = nodes.fleet_id AND used_at IS NULL AND expires_at > $2
            """,
            connection)
        {
            Parameters = { new() { Value = node }, new() { Value = now } },
        };
        await end.ExecuteNonQueryAsync(ct);
    }

    private static async Task AskRekeyAsync(ChangeStanding.Change change, CancellationToken ct)
    {
        var (connection, node, now) = (change.Connection, change.Node, change.Now);
        var added = await ExposedBundles.RecordAsync(connection, node, now, ct);
        var retried = await ExposedBundles.RetryFailedAsync(connection, node, ct);
        await using var ask = new NpgsqlCommand(
            """
            WITH before AS (SELECT rekey_asked_at FROM node_bans WHERE node_id = $1)
            UPDATE node_bans SET rekey_asked_at = coalesce(node_bans.rekey_asked_at, $2),
                rekey_finished_at = CASE WHEN $3 THEN NULL ELSE rekey_finished_at END
            FROM before WHERE node_id = $1 RETURNING before.rekey_asked_at IS NULL
            """,
            connection)
        {
            Parameters = { new() { Value = node }, new() { Value = now }, new() { Value = added > 0 } },
        };
        var isFirst = await ask.ExecuteScalarAsync(ct) is true;
        if (isFirst || added + retried > 0)
        {
            var again = retried > 0 ? $", {retried} failed ones are tried again" : "";
            await NodeEvents.TellAsync(
                connection, node, EventTypes.RekeyAsked, $"To be replaced: {added} bundles in use that node "
                + $"{change.Name} could read{again}.", now, ct);
        }
    }
}
