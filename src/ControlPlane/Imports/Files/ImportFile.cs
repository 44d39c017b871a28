using System.Text.Json;
using ControlPlane.Domains;
using ControlPlane.Http;
using FluentValidation;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;

namespace ControlPlane.Imports.Files;

/// <summary>Reads a file into rows and judges each by the rules of a single registration, as far as that needs no look
/// at the database.</summary>
internal sealed class ImportFile(IOptions<JsonOptions> json, IValidator<RegisterDomainRequest> rules)
{
    public const string Csv = "text/csv";
    public const string Lines = "application/x-ndjson";

    /// <summary>The longest name DNS has; what is longer is cut for display.</summary>
    private const int MostShown = 253;

    private readonly JsonSerializerOptions _json = json.Value.SerializerOptions;

    private static ReadOnlySpan<byte> Utf8Mark => [0xEF, 0xBB, 0xBF];

    private static ReadOnlySpan<byte> Utf16Mark => [0xFF, 0xFE];

    private static ReadOnlySpan<byte> Utf16SwappedMark => [0xFE, 0xFF];

    public static bool Takes(string? contentType) =>
        string.Equals(contentType, Csv, StringComparison.OrdinalIgnoreCase)
        || string.Equals(contentType, Lines, StringComparison.OrdinalIgnoreCase);

    /// <param name="file">All of it.</param>
    /// <param name="contentType">One it <see cref="Takes"/>.</param>
    /// <param name="complete">Adds what holds for all rows.</param>
    /// <returns>A problem when the file as a whole is none that could be worked on.</returns>
    public (IReadOnlyList<ReadRow> Rows, Problem? Problem) Read(
        ReadOnlyMemory<byte> file, string contentType, Func<RegisterDomainRequest, RegisterDomainRequest> complete)
    {
        if (file.Span.StartsWith(Utf16Mark) || file.Span.StartsWith(Utf16SwappedMark))
        {
            return ([], ImportProblems.Unreadable.With("The file is in UTF-16.", "Save the file as UTF-8."));
        }

        file = file.Span.StartsWith(Utf8Mark) ? file[Utf8Mark.Length..] : file;
        var rows = JsonLines.Read(file);
        if (string.Equals(contentType, Csv, StringComparison.OrdinalIgnoreCase)
            && CsvRows.Open(file, _json.GetTypeInfo(typeof(RegisterDomainRequest)), out rows) is { } problem)
        {
            return ([], problem);
        }

        return Judge(rows, complete);
    }

    private (IReadOnlyList<ReadRow> Rows, Problem? Problem) Judge(
        IEnumerable<FileRow> rows, Func<RegisterDomainRequest, RegisterDomainRequest> complete)
    {
        var judged = new List<ReadRow>();
        var first = new Dictionary<(string? Tenant, string Hostname), ReadRow>();
        (int Line, Problem Problem)? unreadable = null;
        var read = 0;
        foreach (var row in rows)
        {
            if (judged.Count == Import.MostRows)
            {
                return ([], ImportProblems.TooLong.With());
            }

            var (body, problem) = Parse(row);
            if (body is null)
            {
                unreadable ??= (row.Line, problem!);
                judged.Add(Refused(row.Line, "", problem!));
                continue;
            }

            read++;
            judged.Add(Judge(row.Line, complete(body), first));
        }

        return judged.Count == 0 ? ([], ImportProblems.Empty.With())
            : read == 0 && unreadable is var (line, why)
                ? ([], ImportProblems.Unreadable.With($"Line {line}: {why.Detail}", why.Fix[0].Text))
            : (judged, null);
    }

    private (RegisterDomainRequest? Body, Problem? Problem) Parse(FileRow row)
    {
        if (row.Problem is not null)
        {
            return (null, row.Problem);
        }

        try
        {
            return JsonSerializer.Deserialize<RegisterDomainRequest>(row.Json.Span, _json) is { } body
                ? (body, null)
                : (null, Problems.MalformedJson.With("The row is null."));
        }
        catch (JsonException fault)
        {
            return (null, ProblemMiddleware.ExplainJson(fault));
        }
    }

    private ReadRow Judge(
        int line, RegisterDomainRequest body, Dictionary<(string? Tenant, string Hostname), ReadRow> first)
    {
        if (Validated.Refuse(rules.Validate(body)) is { } problem)
        {
            return Refused(line, body.Hostname ?? "", problem);
        }

        var row = new ReadRow(line, body.Hostname!, Write(body), ImportOutcome.Pending, null, null);
        if (first.TryAdd((body.Tenant, body.Hostname!), row))
        {
            return row;
        }

        var earlier = first[(body.Tenant, body.Hostname!)];
        return row.Request == earlier.Request
            ? row with { Outcome = ImportOutcome.Unchanged, SameAs = earlier.Line }
            : Refused(line, row.Hostname, ImportProblems.RowContradicts.With(
                $"Line {earlier.Line} has the same name with other settings.")) with
            { SameAs = earlier.Line };
    }

    private ReadRow Refused(int line, string hostname, Problem problem) => new(
        line, Shown(hostname), null, ImportOutcome.Refused, null,
        JsonSerializer.Serialize(RowProblem.Of(problem), _json));

    private string Write(RegisterDomainRequest body) => JsonSerializer.Serialize(body, _json);

    /// <summary>The database has no zero character, and no half of a surrogate pair.</summary>
    private static string Shown(string hostname)
    {
        var length = Math.Min(hostname.Length, MostShown);
        length -= length < hostname.Length && char.IsHighSurrogate(hostname[length - 1]) ? 1 : 0;
        return hostname[..length].Replace('\0', '\uFFFD');
    }
}
