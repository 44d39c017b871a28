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
/// <param name="Revoke">Together with <paramref name="Rekey"/>: every certificate over such a key is revoked as
/// compromised once nobody is served with it. False leaves the certificates valid until they end, for a node that is
/// certain not to have been read.</param>
internal sealed record BanRequest(bool Rekey = false, string? Reason = null, bool Revoke = true);

/// <summary>
/// POST /v1/nodes/{node}/ban: for a node whose keys are in other hands. One transaction refuses it and says that its
/// keys are to be replaced; the next one records which (<see cref="RekeyRecord"/>), so that no fault in that lets the
/// node back in; <see cref="RekeySweep"/> makes up for it, and works it off. Banning again adds what is missing and
/// repeats nothing.
/// </summary>
internal static class BanNode
{
    public static async Task<Results<Ok<NodeView>, Problem>> HandleAsync(
        string node, BanRequest? body, [AsParameters] ChangeStanding.Tools tools, ILogger<RekeySweep> log)
    {
        var request = body ?? new BanRequest();
        if (GivenReason.Refuse(request.Reason) is { } refusal)
        {
            return refusal;
        }

        // Goes on when the caller hangs up: who bans a node must not have to wonder whether it came to pass.
        var banned = await ChangeStanding.RunAsync(
            node, tools, NodeStanding.Retired, (change, ct) => BanAsync(change, request, ct), CancellationToken.None);
        if (request.Rekey && banned.Result is Ok<NodeView> { Value: { } view })
        {
            await RekeyRecord.TryAsync(tools.Database, view.Id, tools.Time.GetUtcNow(), log, CancellationToken.None);
        }

        return banned;
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
            await AskRekeyAsync(connection, node, request.Revoke, now, ct);
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

    /// <summary>What was recorded before is looked through once more: something may have come into use again.</summary>
    private static async Task AskRekeyAsync(
        NpgsqlConnection connection, Guid node, bool revokes, DateTimeOffset now, CancellationToken ct)
    {
        await using var ask = new NpgsqlCommand(
            """
            UPDATE node_bans
            SET rekey_asked_at = coalesce(rekey_asked_at, $2), rekey_owed = true,
                revokes = $3 OR (revokes AND rekey_asked_at IS NOT NULL)
            WHERE node_id = $1
            """,
            connection)
        {
            Parameters = { new() { Value = node }, new() { Value = now }, new() { Value = revokes } },
        };
        await ask.ExecuteNonQueryAsync(ct);
    }
}
