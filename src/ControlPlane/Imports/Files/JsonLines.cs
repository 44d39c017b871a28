using ControlPlane.Http;

namespace ControlPlane.Imports.Files;

/// <summary>One JSON object a line (https://github.com/ndjson/ndjson-spec). Empty lines count, and are no
/// rows.</summary>
internal static class JsonLines
{
    public static IEnumerable<FileRow> Read(ReadOnlyMemory<byte> file)
    {
        for (var line = 1; !file.IsEmpty; line++)
        {
            var end = file.Span.IndexOf((byte)'\n');
            var row = end < 0 ? file : file[..end];
            file = end < 0 ? default : file[(end + 1)..];
            if (row.Span.Trim(" \t\r"u8).IsEmpty)
            {
                continue;
            }

            yield return row.Length > Limits.MaxBodyBytes
                ? FileRow.Bad(line, ImportProblems.RowTooLong.With())
                : new FileRow(line, row);
        }
    }
}
