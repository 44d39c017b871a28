using System.Text;
using System.Text.Json;
using ControlPlane.Http;
using ControlPlane.Imports.Files;
using FsCheck;
using FsCheck.Fluent;

namespace ControlPlane.Tests.Imports;

/// <summary>Columns are the fields of what a row is read into, whatever their kinds.</summary>
public sealed class CsvRowsTests
{
    private static readonly JsonSerializerOptions Json = Options();

    /// <summary>What a registration may come to be.</summary>
    internal sealed record Wide(
        string? Hostname, bool? Adopt = null, int? Count = null, IReadOnlyDictionary<string, string>? Metadata = null);

    [Fact]
    public void A_field_that_is_no_text_takes_JSON()
    {
        var row = One(
            "hostname,adopt,count,metadata\na.example.com,TRUE,3,\"{\"\"plan\"\":\"\"gold, with salt\"\"}\"\n");
        Assert.Equal((true, 3), (row.Adopt, row.Count));
        Assert.Equal("gold, with salt", row.Metadata!["plan"]);
    }

    [Fact]
    public void A_member_of_a_field_has_a_column_of_its_own()
    {
        var row = One("metadata.plan,hostname,metadata.note\ngold,a.example.com,\n");
        Assert.Equal("a.example.com", row.Hostname);
        Assert.Equal("gold", Assert.Single(row.Metadata!).Value);
        Assert.Null(One("metadata.plan,hostname\n,a.example.com\n").Metadata);
    }

    [Fact]
    public void A_cell_that_holds_no_JSON_names_its_column()
    {
        var problem = Assert.Single(Rows("hostname,metadata\na.example.com,{plan}\n")).Problem!;
        Assert.Equal("invalid-field", problem.Kind.Code);
        Assert.Equal("metadata", problem.Errors![0].Field);
    }

    [Fact]
    public void A_field_is_named_once_whole_or_in_parts() => Assert.Equal(
        "import-header",
        CsvRows.Open(Bytes("hostname,metadata,metadata.a\n"), Json.GetTypeInfo(typeof(Wide)), out _)!.Kind.Code);

    [Fact]
    public void Whatever_a_cell_holds_comes_back_as_it_was() => Prop.ForAll(
        ArbMap.Default.GeneratorFor<string[]>().Where(cells => cells is { Length: > 0 })
            .Select(cells => cells.Select(Clean).Append("end").ToArray()).ToArbitrary(),
        cells =>
        {
            var file = new StringBuilder("hostname,metadata.note\n");
            foreach (var cell in cells)
            {
                file.Append("x,\"").Append(cell.Replace("\"", "\"\"", StringComparison.Ordinal)).Append("\"\r\n");
            }

            var read = Rows(file.ToString()).Select(row => Parse(row).Metadata?["note"] ?? "");
            Assert.Equal(cells, read);
        }).QuickCheckThrowOnFailure();

    /// <summary>No text file holds half a surrogate pair, and our fields hold no line break.</summary>
    private static string Clean(string? cell) => new([
        .. (cell ?? "").Where(c => !char.IsSurrogate(c) && c is not ('\r' or '\n')),
    ]);

    private static Wide One(string file) => Parse(Assert.Single(Rows(file)));

    private static Wide Parse(FileRow row)
    {
        Assert.True(row.Problem is null, row.Problem?.Detail);
        return JsonSerializer.Deserialize<Wide>(row.Json.Span, Json)!;
    }

    private static List<FileRow> Rows(string file)
    {
        Assert.Null(CsvRows.Open(Bytes(file), Json.GetTypeInfo(typeof(Wide)), out var rows));
        return [.. rows];
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static JsonSerializerOptions Options()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        JsonSetup.Apply(options);
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }
}
