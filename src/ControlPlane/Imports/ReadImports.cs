using System.ComponentModel;
using System.Text.Json;
using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Imports;

/// <summary>Reads how far imports are, and what became of each row.</summary>
internal static class ReadImports
{
    public static void Map(RouteGroupBuilder imports)
    {
        imports.MapGet("", ListAsync).RequireAuthorization(AccessPolicy.Portal)
            .WithName("ListImports").WithSummary("List imports")
            .Documented("In order of creation; kept for thirty days after their end.", Problems.InvalidField)
            .Example(null, new Page<ImportView>([ImportExamples.Done with { Active = null }], null))
            .Produces<Page<ImportView>>();
        imports.MapGet("{id:guid}", ReadAsync).RequireAuthorization(AccessPolicy.Portal)
            .WithName("ReadImport").WithSummary("Read an import")
            .Documented(
                "`pending` counts down to the end of the import, `active` up to the end of its domains' way.",
                Problems.NotFound)
            .Example(null, ImportExamples.Running).Produces<ImportView>();
        imports.MapGet("{id:guid}/rows", RowsAsync).RequireAuthorization(AccessPolicy.Portal)
            .WithName("ListImportRows").WithSummary("List the rows of an import")
            .Documented(
                "In the order of the file. `outcome=refused` shows what is to be mended; send the mended rows, or the "
                + "whole file, again: what is there already stays unchanged.",
                Problems.InvalidField, Problems.NotFound)
            .Words("outcome", Enum.GetNames<ImportOutcome>())
            .Example(null, new Page<ImportRowView>([ImportExamples.Taken, ImportExamples.Refused], null))
            .Produces<Page<ImportRowView>>();
    }

    private static async Task<IResult> ListAsync(
        Caller caller, ControlPlaneDb db, CancellationToken ct, Guid? cursor = null,
        int limit = Page<ImportView>.DefaultLimit)
    {
        if (Page<ImportView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        var rows = await db.Imports.AsNoTracking().VisibleTo(caller).Where(row => cursor == null || row.Id > cursor)
            .OrderBy(row => row.Id).Take(limit + 1).ToListAsync(ct);
        var items = rows.Take(limit).Select(row => ImportView.Of(row)).ToList();
        return TypedResults.Ok(new Page<ImportView>(items, rows.Count > limit ? $"{items[^1].Id}" : null));
    }

    private static async Task<IResult> ReadAsync(Guid id, Caller caller, ControlPlaneDb db, CancellationToken ct) =>
        await db.Imports.AsNoTracking().VisibleTo(caller).SingleOrDefaultAsync(row => row.Id == id, ct) is { } import
            ? TypedResults.Ok(await ImportView.WholeAsync(db, import, ct))
            : ImportAccess.Absent;

    private static async Task<IResult> RowsAsync(
        Guid id, Caller caller, ControlPlaneDb db, IOptions<JsonOptions> json, CancellationToken ct,
        [Description("What became of them.")] string? outcome = null,
        int? cursor = null, int limit = Page<ImportRowView>.DefaultLimit)
    {
        if (Page<ImportRowView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        var words = Enum.GetValues<ImportOutcome>().ToDictionary(word => word.ToString().ToLowerInvariant());
        if (outcome is not null && !words.ContainsKey(outcome))
        {
            var detail = $"outcome must be one of {string.Join(", ", words.Keys)}.";
            return Problems.InvalidField.With(detail) with
            {
                Errors = [new FieldProblem("outcome", Problems.InvalidField.Code, detail)],
            };
        }

        if (!await db.Imports.VisibleTo(caller).AnyAsync(row => row.Id == id, ct))
        {
            return ImportAccess.Absent;
        }

        ImportOutcome? wanted = outcome is null ? null : words[outcome];
        var rows = await db.ImportRows.AsNoTracking()
            .Where(row => row.ImportId == id && (wanted == null || row.Outcome == wanted)
                && (cursor == null || row.Line > cursor))
            .OrderBy(row => row.Line).Take(limit + 1).ToListAsync(ct);
        var items = rows.Take(limit).Select(Of).ToList();
        return TypedResults.Ok(new Page<ImportRowView>(items, rows.Count > limit ? $"{items[^1].Line}" : null));

        ImportRowView Of(ImportRow row) => new(
            row.Line, row.Hostname, row.Outcome, row.DomainId, row.SameAs,
            row.Problem is null
                ? null
                : JsonSerializer.Deserialize<RowProblem>(row.Problem, json.Value.SerializerOptions));
    }
}
