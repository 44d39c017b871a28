using ControlPlane.Contracts;
using ControlPlane.Http;
using ControlPlane.Http.Transport;
using ControlPlane.Nodes.Access;
using ControlPlane.Nodes.Epochs;
using ControlPlane.Nodes.Fleets;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Nodes.Digests;

/// <summary>POST /v1/desired-state/digests: finds where a node's record has drifted, in 32 KiB instead of a full
/// list.</summary>
internal static class CompareDigests
{
    private const int DigestBytes = StateDigest.Buckets * StateDigest.BytesPerBucket;

    public static async Task<Results<CompressibleJson<DigestAnswer>, Problem>> HandleAsync(
        DigestRequest body,
        HttpContext http,
        NpgsqlDataSource database,
        FleetDigests digests,
        DifferingRows rows,
        NodeAhead ahead,
        IOptions<JsonOptions> json,
        RolloutGates gates,
        NodePace pace,
        CancellationToken ct)
    {
        List<FieldProblem> faults = [.. Faults(body)];
        if (faults.Count > 0)
        {
            return Problems.InvalidField.With() with { Errors = faults };
        }

        var caller = NodeAuthentication.Caller(http);
        if (await ahead.LookAsync(caller, body.Epoch, body.Revision, ct) != ShownPosition.Known)
        {
            return NodeProblems.HistoryGone.With();
        }

        var now = await PositionAsync(database, caller.Fleet, ct);
        // What is not released to the node yet would differ, and must not reach it this way.
        if (now.Epoch != body.Epoch || await gates.IsClosedAsync(caller, now.Revision, ct))
        {
            return CompressibleJson.Of(Nothing(now), json.Value);
        }

        var digest = await digests.ReadAsync(caller.Fleet, body.Revision, now, ct);
        if (digest.At.Epoch != body.Epoch)
        {
            return CompressibleJson.Of(Nothing(digest.At), json.Value);
        }

        var differing = digest.Buckets.Differing(body.Buckets);
        if (differing.Count == 0)
        {
            return CompressibleJson.Of(Nothing(digest.At), json.Value);
        }

        if (!pace.MayBeTold(caller.Id))
        {
            return Problems.TooManyRequests.With() with { RetryAfterSeconds = 1 };
        }

        // Asked again, of what was read: a change that was published meanwhile may be held from this node.
        var answer = await rows.ReadAsync(caller.Fleet, differing, ct);
        return CompressibleJson.Of(
            await gates.IsClosedAsync(caller, answer.Revision, ct) ? Nothing(now) : answer, json.Value);
    }

    private static IEnumerable<FieldProblem> Faults(DigestRequest body)
    {
        if (body is not { Epoch: >= 0, Revision: >= 0 })
        {
            yield return new FieldProblem("revision", "invalid", "revision must not be negative; nor may the epoch.");
        }

        if (body.Buckets?.Length != DigestBytes)
        {
            yield return new FieldProblem(
                "buckets", "invalid",
                $"buckets must be {StateDigest.Buckets} digests of {StateDigest.BytesPerBucket} bytes: {DigestBytes} "
                + "bytes in base64.");
        }
    }

    private static DigestAnswer Nothing(FleetPosition at) => new(at.Epoch, at.Revision, 0, [], []);

    private static async Task<FleetPosition> PositionAsync(
        NpgsqlDataSource database, Guid fleet, CancellationToken ct)
    {
        await using var command = database.CreateCommand("SELECT epoch, revision FROM fleets WHERE id = $1");
        command.Parameters.Add(new() { Value = fleet });
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return new FleetPosition(reader.GetInt64(0), reader.GetInt64(1));
    }
}
