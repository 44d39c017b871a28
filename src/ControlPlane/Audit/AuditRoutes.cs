using System.ComponentModel;
using ControlPlane.Audit.Requests;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using Microsoft.AspNetCore.Http.Timeouts;
using Npgsql;
using NpgsqlTypes;

namespace ControlPlane.Audit;

/// <summary>The trail for people: a list, the whole of it as a file, and its head.</summary>
internal static class AuditRoutes
{
    private static readonly AuditEntry Entry = new(
        4711, Examples.At, "answered", "key", Examples.Key.Id, "ops", "admin", null, "CreateJoinCode",
        "/v1/nodes/join-codes", "192.0.2.10", "4bf92f3577b34da6a3ce929d0e0e4736", "201", 1);

    public static void MapAudit(this WebApplication app)
    {
        var audit = app.MapGroup("/v1/audit").WithTags("Audit").RequireAuthorization(AccessPolicy.Admin);
        audit.MapGet("", ListAsync).Audited().WithName("ListAudit").WithSummary("Search the audit trail")
            .Documented(
                "Who did what, oldest first. A request leaves `asked` before it is carried out and `answered` after "
                + "it; one without the other was interrupted. Reading this is recorded too.",
                Problems.InvalidField, Problems.MalformedRequest)
            .Example(null, new Page<AuditEntry>([Entry], "4711")).Produces<Page<AuditEntry>>();
        // A trail of years takes longer than any other request may; a reader that is too slow is cut off all the same.
        audit.MapGet("export", ExportAsync).WithMetadata(new DisableRequestTimeoutAttribute()).Audited()
            .WithName("ExportAudit").WithSummary("Export the audit trail")
            .Documented(
                "The whole trail with its chain of hashes, as NDJSON: `ControlPlane audit verify --file` checks it "
                + "without the database. A file without a last line `end` is not whole.")
            .Produces<string>(contentType: "application/x-ndjson");
        audit.MapGet("head", HeadAsync).WithName("ReadAuditHead").WithSummary("Read the end of the audit trail's chain")
            .Documented(
                "Number and hash of the last batch. Kept outside, it shows with `ControlPlane audit verify --expect` "
                + "that nothing was cut off the end.")
            .Example(null, new AuditHeadView(12, new string('9', 64), Examples.At)).Produces<AuditHeadView>();
    }

    private static async Task<IResult> ListAsync(
        NpgsqlDataSource database, CancellationToken ct,
        [Description("Id or name of a key, or name of a user or job.")] string? actor = null,
        [Description("The operationId in this document, a command, or a job.")] string? operation = null,
        [Description("The beginning of what it was done to, such as `/v1/domains/`.")] string? target = null,
        [Description("Not before this time (RFC 3339).")] DateTimeOffset? from = null,
        [Description("Before this time (RFC 3339).")] DateTimeOffset? until = null,
        long cursor = 0,
        int limit = Page<AuditEntry>.DefaultLimit)
    {
        if (Page<AuditEntry>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        await using var command = database.CreateCommand(
            $"""
            {AuditRows.Entries} WHERE e.id > $1
                AND ($2 IS NULL OR e.actor = $2 OR e.actor_id = $3) AND ($4 IS NULL OR e.operation = $4)
                AND ($5 IS NULL OR starts_with(e.target, $5))
                AND ($6 IS NULL OR e.at >= $6) AND ($7 IS NULL OR e.at < $7)
            ORDER BY e.id LIMIT $8
            """);
        command.Parameters.AddRange(new NpgsqlParameter[]
        {
            new() { Value = cursor },
            Typed(NpgsqlDbType.Text, actor),
            Typed(NpgsqlDbType.Uuid, Guid.TryParse(actor, out var id) ? id : null),
            Typed(NpgsqlDbType.Text, operation),
            Typed(NpgsqlDbType.Text, target),
            Typed(NpgsqlDbType.TimestampTz, from?.ToUniversalTime()),
            Typed(NpgsqlDbType.TimestampTz, until?.ToUniversalTime()),
            new() { Value = limit + 1 },
        });
        var rows = await AuditRows.ReadEntriesAsync(command, ct);
        var items = rows.Take(limit).ToList();
        return TypedResults.Ok(new Page<AuditEntry>(items, rows.Count > limit ? $"{items[^1].Id}" : null));
    }

    private static IResult ExportAsync(NpgsqlDataSource database) => TypedResults.Stream(
        body => AuditFile.WriteAsync(new AuditDatabase(database), body, CancellationToken.None),
        "application/x-ndjson", "audit.ndjson");

    private static async Task<AuditHeadView> HeadAsync(NpgsqlDataSource database, CancellationToken ct)
    {
        var last = await new AuditDatabase(database).LastAsync(ct);
        var head = last?.Head ?? AuditHead.None;
        return new AuditHeadView(head.Number, Convert.ToHexStringLower(head.Hash), last?.SealedAt);
    }

    private static NpgsqlParameter Typed(NpgsqlDbType type, object? value) =>
        new() { NpgsqlDbType = type, Value = value ?? DBNull.Value };
}

/// <summary>The end of the chain.</summary>
/// <param name="Batch">Number of the last batch; 0 when nothing was sealed yet.</param>
/// <param name="Hash">Its SHA-256, hexadecimal.</param>
/// <param name="SealedAt">When.</param>
internal sealed record AuditHeadView(long Batch, string Hash, DateTimeOffset? SealedAt);
