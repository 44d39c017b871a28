using System.Text.Json.Serialization;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Imports;

/// <summary>How far an import is.</summary>
internal enum ImportStatus
{
    Running,
    Done,
    Canceled,
}

/// <summary>An import as the API shows it.</summary>
/// <param name="Id">Names it.</param>
/// <param name="Status">Whether rows are still to come.</param>
/// <param name="Rows">How many the file has.</param>
/// <param name="Registered">Rows whose names are on their way.</param>
/// <param name="Unchanged">Rows that said what was so already.</param>
/// <param name="Refused">Rows with a problem.</param>
/// <param name="Canceled">Rows that were not begun when the import was canceled.</param>
/// <param name="Pending">Rows whose turn is to come.</param>
/// <param name="Active">Rows whose domain is active by now, registered by this import or before; null in
/// lists.</param>
/// <param name="CreatedAt">When the file was taken in.</param>
/// <param name="FinishedAt">When the last row had its outcome; null before.</param>
internal sealed record ImportView(
    Guid Id,
    ImportStatus Status,
    int Rows,
    int Registered,
    int Unchanged,
    int Refused,
    int Canceled,
    int Pending,
    int? Active,
    DateTimeOffset CreatedAt,
    DateTimeOffset? FinishedAt)
{
    public static ImportView Of(Import row, int? active = null) => new(
        row.Id,
        row.FinishedAt is null ? ImportStatus.Running
            : row.CanceledAt is null ? ImportStatus.Done : ImportStatus.Canceled,
        row.Rows, row.Registered, row.Unchanged, row.Refused, row.Canceled,
        row.Rows - row.Registered - row.Unchanged - row.Refused - row.Canceled,
        active, row.CreatedAt, row.FinishedAt);

    /// <summary>With what became of its domains; and while it runs as its rows are now, where lists show the end of
    /// its last turn.</summary>
    public static async Task<ImportView> WholeAsync(ControlPlaneDb db, Import import, CancellationToken ct)
    {
        var rows = db.ImportRows.Where(row => row.ImportId == import.Id);
        var active = await rows.CountAsync(
            row => db.Domains.Any(domain => domain.Id == row.DomainId && domain.Status == DomainStatus.Active), ct);
        var view = Of(import, active);
        if (import.FinishedAt is not null)
        {
            return view;
        }

        var counts = await rows.GroupBy(row => row.Outcome)
            .Select(group => new { Outcome = group.Key, Rows = group.Count() })
            .ToDictionaryAsync(group => group.Outcome, group => group.Rows, ct);
        return view with
        {
            Registered = counts.GetValueOrDefault(ImportOutcome.Registered),
            Unchanged = counts.GetValueOrDefault(ImportOutcome.Unchanged),
            Refused = counts.GetValueOrDefault(ImportOutcome.Refused),
            Canceled = counts.GetValueOrDefault(ImportOutcome.Canceled),
            Pending = counts.GetValueOrDefault(ImportOutcome.Pending),
        };
    }
}

/// <summary>A row of an import.</summary>
/// <param name="Line">Where it begins in the file; the line that names the columns is line 1.</param>
/// <param name="Hostname">As the row has it; empty where it could not be read.</param>
/// <param name="Outcome">What became of it.</param>
/// <param name="Domain">The domain's id; null where there is none.</param>
/// <param name="SameAs">An earlier line with the same name; null where there is none.</param>
/// <param name="Problem">Why it was refused; null otherwise.</param>
internal sealed record ImportRowView(
    int Line, string Hostname, ImportOutcome Outcome, Guid? Domain, int? SameAs, RowProblem? Problem);

/// <summary>Why a row was refused: what POST /v1/domains would have answered.</summary>
/// <param name="Type">A page that explains this kind of problem.</param>
/// <param name="Title">The kind in a sentence.</param>
/// <param name="Status">The HTTP status it has there.</param>
/// <param name="Detail">This row's particulars.</param>
/// <param name="Reason">The kind as a stable word for programs.</param>
/// <param name="WaitingOn">Who can mend it.</param>
/// <param name="Fix">What to do, most specific first.</param>
/// <param name="Existing">The domain in the way, when the caller may see it.</param>
/// <param name="Errors">Each field at fault.</param>
internal sealed record RowProblem(
    string Type,
    string Title,
    int Status,
    string Detail,
    string Reason,
    WaitingOn WaitingOn,
    IReadOnlyList<FixStep> Fix,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Guid? Existing,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<FieldProblem>? Errors)
{
    public static RowProblem Of(Problem problem) => new(
        problem.Kind.Type, problem.Kind.Title, problem.Kind.Status, problem.Detail, problem.Kind.Code,
        problem.Kind.WaitingOn, problem.Fix, problem.Existing, problem.Errors);
}
