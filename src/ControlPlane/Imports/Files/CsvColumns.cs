using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ControlPlane.Http;

namespace ControlPlane.Imports.Files;

/// <summary>What the first line names: fields of the registration, so that whatever is added to it is a column, too.
/// Text is taken as it is; a field of another kind takes JSON, or is spread over columns named <c>field.key</c>. An
/// empty cell says nothing.</summary>
internal sealed class CsvColumns
{
    private readonly List<(JsonPropertyInfo Field, List<(int Index, string? Key)> Cells)> _fields = [];

    private CsvColumns(int count) => Count = count;

    public int Count { get; }

    /// <param name="names">The cells of the first line.</param>
    /// <param name="row">What a row is read into.</param>
    /// <param name="columns">Null when there is a problem.</param>
    public static Problem? Open(IReadOnlyList<string> names, JsonTypeInfo row, out CsvColumns? columns)
    {
        columns = null;
        var made = new CsvColumns(names.Count);
        var faults = new List<string>();
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (index, given) in names.Index())
        {
            var name = given.Trim();
            var (word, key) = name.Split('.', 2) is [var before, var after] ? (before, after) : (name, null);
            var field = row.Properties.FirstOrDefault(one =>
                one.Name.Equals(word, StringComparison.OrdinalIgnoreCase));
            if (field is null || (key is not null && (key == "" || field.PropertyType == typeof(string))))
            {
                faults.Add(name == "" ? $"column {index + 1} has no name" : $"{name} is not known");
            }
            else if (!seen.Add(name) || made.IsTaken(field, key is null))
            {
                faults.Add($"{name} is there twice");
            }
            else
            {
                made.Add(field, index, key);
            }
        }

        if (faults.Count == 0 && !seen.Contains("hostname"))
        {
            faults.Add("hostname is missing");
        }

        if (faults.Count > 0)
        {
            var known = string.Join(", ", row.Properties.Select(one => one.Name));
            return ImportProblems.Header.With(
                $"In the first line {string.Join("; ", faults.Take(5))}. Columns are: {known}.");
        }

        columns = made;
        return null;
    }

    /// <summary>The row as JSON.</summary>
    /// <exception cref="JsonException">A cell that takes JSON holds none; its path is the column.</exception>
    public ReadOnlyMemory<byte> Write(IReadOnlyList<string> cells)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            foreach (var (field, own) in _fields)
            {
                var given = own.Where(cell => cells[cell.Index] != "").ToList();
                if (given.Count == 0)
                {
                    continue;
                }

                json.WritePropertyName(field.Name);
                if (given[0].Key is null)
                {
                    WriteWhole(json, field, cells[given[0].Index]);
                }
                else
                {
                    json.WriteStartObject();
                    given.ForEach(cell => json.WriteString(cell.Key!, cells[cell.Index]));
                    json.WriteEndObject();
                }
            }

            json.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }

    private static void WriteWhole(Utf8JsonWriter json, JsonPropertyInfo field, string cell)
    {
        var type = Nullable.GetUnderlyingType(field.PropertyType) ?? field.PropertyType;
        if (type == typeof(string) || type.IsEnum || type == typeof(Guid))
        {
            json.WriteStringValue(cell);
            return;
        }

        try
        {
            // Spreadsheets write TRUE.
            json.WriteRawValue(type == typeof(bool) ? cell.ToLowerInvariant() : cell);
        }
        catch (JsonException fault)
        {
            throw new JsonException(fault.Message, field.Name, fault.LineNumber, fault.BytePositionInLine, fault);
        }
    }

    /// <summary>A field has one column, or one for each of its members.</summary>
    private bool IsTaken(JsonPropertyInfo field, bool whole) => _fields.Exists(one =>
        one.Field == field && (whole || one.Cells.Exists(cell => cell.Key is null)));

    private void Add(JsonPropertyInfo field, int index, string? key)
    {
        var known = _fields.FindIndex(one => one.Field == field);
        if (known < 0)
        {
            _fields.Add((field, [(index, key)]));
        }
        else
        {
            _fields[known].Cells.Add((index, key));
        }
    }
}
