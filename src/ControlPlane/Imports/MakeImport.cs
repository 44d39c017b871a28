using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.Idempotency;
using ControlPlane.Http.OpenApi;
using ControlPlane.Imports.Files;
using ControlPlane.Imports.Working;
using ControlPlane.Nodes.Fleets;
using Microsoft.EntityFrameworkCore;
using Microsoft.Net.Http.Headers;
using Npgsql;
using NpgsqlTypes;

namespace ControlPlane.Imports;

/// <summary>POST /v1/imports. The file is read before a connection of the database is taken: a slow sender holds what
/// it has sent, and nothing else.</summary>
internal static class MakeImport
{
    private static Problem TooMany => ImportProblems.TooMany.With() with { RetryAfterSeconds = 60 };

    public static void Map(RouteGroupBuilder imports) => imports.MapPost("", HandleAsync)
        .WithBodyLimit(Limits.MaxImportBytes)
        .WithMetadata(new HonoursIdempotencyKey())
        .RequireAuthorization(AccessPolicy.Portal)
        .WithName("CreateImport").WithSummary("Register the names of a file")
        .Documented(
            "Up to 10,000 rows in UTF-8: CSV (RFC 4180; comma, semicolon or tab) below a line that names the columns, "
            + "or one JSON object a line. Columns and members are the fields of *Register a domain*; in CSV a field "
            + "that is no text takes JSON, and `name.key` one member of it. The file is taken in whole, then its rows "
            + "are registered as if each were sent by itself: read the import to see how far it is, and its rows to "
            + "see what became of each. **Sending a file again changes nothing**: what is there already is "
            + "`unchanged`. Names from files are looked up, ordered and rolled out after those of single "
            + "registrations. A portal registers for its own tenant. Operators name the tenant in each row or, for "
            + "rows that do not, with `tenant`; likewise the `fleet`.",
            Problems.MalformedRequest, Problems.BodyTooLarge, Problems.TenantNotAllowed, Problems.TenantUnknown,
            Problems.FleetNotAllowed, Problems.FleetUnknown, ImportProblems.ContentType, ImportProblems.Empty,
            ImportProblems.TooLong, ImportProblems.Header, ImportProblems.Unreadable, ImportProblems.TooMany)
        .TakesFile((ImportFile.Csv, ImportExamples.Csv), (ImportFile.Lines, ImportExamples.Lines))
        .Example(null, ImportExamples.Running with { Registered = 0, Pending = 2_998, Active = 0 })
        .Produces<ImportView>(StatusCodes.Status202Accepted);

    private static async Task<IResult> HandleAsync(
        HttpContext context, Caller caller, ControlPlaneDb db, ImportFile files, ImportBell bell, TimeProvider time,
        string? tenant = null, string? fleet = null)
    {
        if (await RefuseDefaultsAsync(caller, tenant, fleet, db) is { } refusal)
        {
            return refusal;
        }

        if (!MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type)
            || !ImportFile.Takes(type.MediaType.Value)
            || (type.Charset.HasValue && !type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)))
        {
            return ImportProblems.ContentType.With();
        }

        // Judging a file costs more than counting; two at once are told apart once the file is stored.
        if (caller.TenantId is { } own && await HasTooManyAsync(db, own, time.NowStored()))
        {
            return TooMany;
        }

        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        var (rows, unreadable) = files.Read(
            body.GetBuffer().AsMemory(0, (int)body.Length), type.MediaType.Value!,
            row => row with { Tenant = row.Tenant ?? tenant, Fleet = row.Fleet ?? fleet });
        return unreadable ?? await TakeInAsync(rows, context, caller, db, bell, time.NowStored());
    }

    /// <summary>Goes on when the caller hangs up: whoever repeats the call must find the first result.</summary>
    private static async Task<IResult> TakeInAsync(
        IReadOnlyList<ReadRow> rows, HttpContext context, Caller caller, ControlPlaneDb db, ImportBell bell,
        DateTimeOffset now)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        if (caller.TenantId is { } tenant)
        {
            // Of two that are sent at once, the second counts the first.
            await db.Database.ExecuteSqlAsync(
                $"SELECT 1 FROM tenants WHERE id = {tenant} FOR NO KEY UPDATE", CancellationToken.None);
            if (await HasTooManyAsync(db, tenant, now))
            {
                return TooMany;
            }
        }

        var import = new Import
        {
            Id = Guid.CreateVersion7(now),
            TenantId = caller.TenantId,
            ApiKeyId = caller.KeyId,
            Role = caller.Role,
            Rows = rows.Count,
            CreatedAt = now,
        };
        db.Add(import);
        await db.SaveChangesAsync(CancellationToken.None);
        await StoreAsync(db, import.Id, rows);
        await ImportEnd.SettleAsync(db, import.Id, now, CancellationToken.None);
        await db.Entry(import).ReloadAsync(CancellationToken.None);
        var view = ImportView.Of(import, active: 0);
        var location = $"/v1/imports/{import.Id}";
        await IdempotentRequest.RecordAsync(context, db, StatusCodes.Status202Accepted, location, view);
        await transaction.CommitAsync(CancellationToken.None);
        bell.Signal.Ring();
        return TypedResults.Accepted(location, view);
    }

    private static async Task<Problem?> RefuseDefaultsAsync(
        Caller caller, string? tenant, string? fleet, ControlPlaneDb db)
    {
        if (caller.Role == ApiRole.Portal)
        {
            return tenant is not null ? Problems.TenantNotAllowed.With()
                : fleet is not null ? Problems.FleetNotAllowed.With() : null;
        }

        if (tenant is not null && await TenantReference.FindAsync(db, tenant, CancellationToken.None) is null)
        {
            return Problems.TenantUnknown.With($"There is no tenant {tenant}.");
        }

        return fleet is not null && await FleetReference.FindAsync(db, fleet, CancellationToken.None) is null
            ? Problems.FleetUnknown.With($"There is no fleet {fleet}.")
            : null;
    }

    private static async Task<bool> HasTooManyAsync(ControlPlaneDb db, Guid tenant, DateTimeOffset now)
    {
        var yesterday = now - Import.Day;
        return await db.Imports.CountAsync(
                row => row.TenantId == tenant && row.FinishedAt == null, CancellationToken.None) >= Import.MostUnderWay
            || await db.Imports.CountAsync(
                row => row.TenantId == tenant && row.CreatedAt > yesterday, CancellationToken.None) >= Import.MostADay;
    }

    private static async Task StoreAsync(ControlPlaneDb db, Guid import, IReadOnlyList<ReadRow> rows)
    {
        var connection = (NpgsqlConnection)db.Database.GetDbConnection();
        await using var copy = await connection.BeginBinaryImportAsync(
            "COPY import_rows (import_id, line, hostname, request, outcome, same_as, problem) FROM STDIN "
            + "(FORMAT BINARY)",
            CancellationToken.None);
        foreach (var row in rows)
        {
            await copy.StartRowAsync(CancellationToken.None);
            await copy.WriteAsync(import, NpgsqlDbType.Uuid, CancellationToken.None);
            await copy.WriteAsync(row.Line, NpgsqlDbType.Integer, CancellationToken.None);
            await copy.WriteAsync(row.Hostname, NpgsqlDbType.Text, CancellationToken.None);
            await copy.WriteAsync(row.Request, NpgsqlDbType.Text, CancellationToken.None);
            await copy.WriteAsync(row.Outcome.ToString(), NpgsqlDbType.Text, CancellationToken.None);
            await copy.WriteAsync(row.SameAs, NpgsqlDbType.Integer, CancellationToken.None);
            await copy.WriteAsync(row.Problem, NpgsqlDbType.Text, CancellationToken.None);
        }

        await copy.CompleteAsync(CancellationToken.None);
    }
}
