using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using ControlPlane.Http;
using CsvHelper;

namespace ControlPlane.Imports.Files;

/// <summary>
/// CSV as RFC 4180 has it, below a line that names the columns, but for one thing: a field holds no line break. So a
/// quote that somebody forgot to close costs one row, and not all that follow. Spreadsheets of some countries separate
/// with semicolons: what stands first between the names of the columns separates.
/// </summary>
internal static class CsvRows
{
    /// <summary>More than a registration has fields and members together.</summary>
    private const int MostColumns = 64;

    /// <param name="file">Without a byte order mark.</param>
    /// <param name="row">What a row is read into.</param>
    /// <param name="rows">Read as they are asked for; none when there is a problem.</param>
    public static Problem? Open(ReadOnlyMemory<byte> file, JsonTypeInfo row, out IEnumerable<FileRow> rows)
    {
        rows = [];
        var malformed = new HashSet<long>();
        var reader = CsvReader.Create(file, new CsvReaderOptions
        {
            Separator = SeparatorOf(file.Span),
            HasHeader = false,
            AllowLineBreaksInQuotes = false,
            TrackLineNumbers = true,
            OnMalformedRecord = record => malformed.Add(record.LineNumber),
        });
        if (!reader.Read())
        {
            reader.Dispose();
            return ImportProblems.Empty.With();
        }

        if (RefuseHeader(reader) is { } oversized)
        {
            reader.Dispose();
            return oversized;
        }

        if (CsvColumns.Open(Cells(reader), row, out var columns) is { } problem)
        {
            reader.Dispose();
            return problem;
        }

        rows = Read(reader, columns!, malformed);
        return null;
    }

    private static IEnumerable<FileRow> Read(CsvReader reader, CsvColumns columns, HashSet<long> malformed)
    {
        using (reader)
        {
            while (reader.Read())
            {
                var cells = Cells(reader);
                // What a spreadsheet leaves of rows that were emptied is none.
                if (Array.Exists(cells, cell => cell != ""))
                {
                    yield return Read(reader, cells, columns, malformed.Contains(reader.LineNumber));
                }
            }
        }
    }

    private static FileRow Read(CsvReader reader, string[] cells, CsvColumns columns, bool isMalformed)
    {
        var line = (int)reader.LineNumber;
        if (reader.RawRecord.Length > Limits.MaxBodyBytes)
        {
            return FileRow.Bad(line, ImportProblems.RowTooLong.With());
        }

        if (!Utf8.IsValid(reader.RawRecord))
        {
            return FileRow.Bad(line, ImportProblems.RowText.With());
        }

        if (isMalformed)
        {
            return FileRow.Bad(line, ImportProblems.RowFields.With(
                "A quote is not closed on its line, or stands within a field."));
        }

        if (cells.Length != columns.Count)
        {
            return FileRow.Bad(line, ImportProblems.RowFields.With(
                $"The row has {cells.Length} fields, the first line names {columns.Count} columns."));
        }

        try
        {
            return new FileRow(line, columns.Write(cells));
        }
        catch (JsonException fault)
        {
            return FileRow.Bad(line, Problems.InvalidField.With($"The column {fault.Path} takes JSON.") with
            {
                Errors = [new FieldProblem(fault.Path!, Problems.InvalidField.Code, "It does not hold JSON.")],
            });
        }
    }

    private static Problem? RefuseHeader(CsvReader reader) =>
        reader.RawRecord.Length > Limits.MaxBodyBytes
            ? ImportProblems.Header.With($"The first line is longer than {Limits.MaxBodyBytes / 1024} KB.")
        : reader.FieldCount > MostColumns
            ? ImportProblems.Header.With(
                $"The first line names {reader.FieldCount} columns; {MostColumns} at most are taken.")
        : null;

    private static string[] Cells(CsvReader reader)
    {
        var cells = new string[reader.FieldCount];
        for (var index = 0; index < cells.Length; index++)
        {
            cells[index] = reader.GetString(index);
        }

        return cells;
    }

    private static char SeparatorOf(ReadOnlySpan<byte> file)
    {
        var names = file.TrimStart("\r\n"u8);
        var end = names.IndexOfAny("\r\n"u8);
        names = end < 0 ? names : names[..end];
        var first = names.IndexOfAny(",;\t"u8);
        return first < 0 ? ',' : (char)names[first];
    }
}
