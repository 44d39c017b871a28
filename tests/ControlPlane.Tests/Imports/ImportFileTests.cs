using System.Text;
using System.Text.Json.Nodes;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Http;
using ControlPlane.Imports;
using ControlPlane.Imports.Files;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;

namespace ControlPlane.Tests.Imports;

/// <summary>What can be wrong with a file or a row, and what is only written otherwise.</summary>
public sealed class ImportFileTests
{
    private static readonly ImportFile Files = Make();

    /// <summary>The same two names, as people and programs write them.</summary>
    public static TheoryData<string, byte[]> Spellings => new()
    {
        { "lines", Bytes("{\"hostname\":\"a.example.com\"}\n{\"hostname\":\"b.example.com\"}\n") },
        { "lines, no last break", Bytes("{\"hostname\":\"a.example.com\"}\n{\"hostname\":\"b.example.com\"}") },
        {
            "lines, CRLF and blanks",
            Bytes("{\"hostname\":\"a.example.com\"}\r\n \r\n\r\n{ \"hostname\" : \"b.example.com\"}")
        },
        {
            "lines, marked",
            [0xEF, 0xBB, 0xBF, .. "{\"hostname\":\"a.example.com\"}\n{\"hostname\":\"b.example.com\"}"u8]
        },
        { "csv", Bytes("hostname\na.example.com\nb.example.com\n") },
        { "csv, marked, CRLF", [0xEF, 0xBB, 0xBF, .. "hostname\r\na.example.com\r\nb.example.com\r\n"u8] },
        { "csv, blanks", Bytes("\nhostname\n\na.example.com\n\n\nb.example.com\n\n") },
        { "csv, emptied rows", Bytes("hostname,keyAlgorithm\na.example.com,\n,\nb.example.com,\n,\n,\n") },
        { "csv, quoted", Bytes("\"hostname\",\"keyAlgorithm\"\n\"a.example.com\",\"\"\nb.example.com,ecdsaP256\n") },
        { "csv, semicolons", Bytes("keyAlgorithm;Hostname\n;a.example.com\necdsaP256;b.example.com\n") },
        { "csv, tabs", Bytes("hostname\tfleet\na.example.com\t\nb.example.com\t\n") },
    };

    [Theory]
    [MemberData(nameof(Spellings))]
    public void A_file_may_be_spelled_in_many_ways(string kind, byte[] file)
    {
        var rows = Read(file, kind.StartsWith("csv", StringComparison.Ordinal) ? ImportFile.Csv : ImportFile.Lines);
        Assert.Equal(["a.example.com", "b.example.com"], rows.Select(row => row.Hostname));
        Assert.All(rows, row => Assert.Equal(ImportOutcome.Pending, row.Outcome));
        Assert.Equal("b.example.com", JsonNode.Parse(rows[1].Request!)!["hostname"]!.ToString());
    }

    /// <summary>The row after a good one; and the line on which it stands.</summary>
    public static TheoryData<string, string, string> BadRows => new()
    {
        { "lines", "{\"hostname\":", "malformed-json" },
        { "lines", "[1]", "malformed-json" },
        { "lines", "null", "malformed-json" },
        { "lines", "hello", "malformed-json" },
        { "lines", "{\"hostname\":\"a.example.com\",\"hostname\":\"b.example.com\"}", "malformed-json" },
        { "lines", "{\"hostname\":\"a.example.com\",\"colour\":\"red\"}", "unknown-field" },
        { "lines", $"{{\"hostname\":{new string('[', 40)}{new string(']', 40)}}}", "malformed-json" },
        { "lines", $"{{\"hostname\":\"{new string('a', 70_000)}\"}}", "import-row-too-long" },
        { "lines", "{\"hostname\":\"SHOP.example.com\"}", "hostname-upper-case" },
        { "lines", "{\"hostname\":\"a\\u0000.example.com\"}", "hostname-whitespace" },
        { "lines", "{\"hostname\":\"\\ud800.example.com\"}", "malformed-json" },
        { "lines", "{\"keyAlgorithm\":\"rsa2048\"}", "hostname-missing" },
        { "lines", "{\"hostname\":\"a.example.com\",\"keyAlgorithm\":\"rsa512\"}", "invalid-field" },
        { "csv", "a.example.com", "import-row-fields" },
        { "csv", "a.example.com,rsa2048,more", "import-row-fields" },
        { "csv", "\"a.example.com,rsa2048", "import-row-fields" },
        { "csv", "a.exa\"mple.com,", "import-row-fields" },
        { "csv", "\"a.example.com\"x,", "import-row-fields" },
        { "csv", $"{new string('a', 70_000)},", "import-row-too-long" },
        { "csv", "https://a.example.com/,", "hostname-url" },
        { "csv", "a.example.com, rsa2048", "invalid-field" },
        { "csv", ",rsa2048", "hostname-missing" },
    };

    [Theory]
    [MemberData(nameof(BadRows))]
    public void A_bad_row_is_a_row_with_a_problem_and_the_next_is_read(string kind, string row, string reason)
    {
        var rows = kind == "csv"
            ? Read(Bytes($"hostname,keyAlgorithm\nfirst.example.com,\n{row}\nlast.example.com,\n"), ImportFile.Csv)
            : Read(
                Bytes($"\n{{\"hostname\":\"first.example.com\"}}\n{row}\n{{\"hostname\":\"last.example.com\"}}"),
                ImportFile.Lines);
        Assert.Equal(
            [ImportOutcome.Pending, ImportOutcome.Refused, ImportOutcome.Pending], rows.Select(one => one.Outcome));
        Assert.Equal([2, 3, 4], rows.Select(one => one.Line));
        var problem = JsonNode.Parse(rows[1].Problem!)!;
        Assert.Equal(reason, problem["reason"]!.ToString());
        Assert.NotEmpty(problem["fix"]!.AsArray());
        Assert.DoesNotContain('\0', rows[1].Hostname);
        Assert.True(rows[1].Hostname.Length <= 253);
        Assert.Null(rows[1].Request);
    }

    [Theory]
    [InlineData(ImportFile.Csv, "import-row-text")]
    [InlineData(ImportFile.Lines, "malformed-json")]
    public void A_row_in_another_encoding_is_a_row_with_a_problem(string kind, string reason)
    {
        // ü in Latin-1.
        byte[] name = [(byte)'m', 0xFC, .. ".example.com"u8];
        byte[] file = kind == ImportFile.Csv
            ? [.. "hostname\na.example.com\n"u8, .. name]
            : [.. "{\"hostname\":\"a.example.com\"}\n{\"hostname\":\""u8, .. name, .. "\"}"u8];
        var rows = Read(file, kind);
        Assert.Equal(ImportOutcome.Pending, rows[0].Outcome);
        Assert.Equal(reason, JsonNode.Parse(rows[1].Problem!)!["reason"]!.ToString());
    }

    public static TheoryData<string, byte[], string> BadFiles => new()
    {
        { ImportFile.Lines, [], "import-empty" },
        { ImportFile.Lines, Bytes("\n \r\n\n"), "import-empty" },
        { ImportFile.Lines, Bytes("[\n{\n\"hostname\"\n:\n\"a.example.com\"\n}\n]"), "import-unreadable" },
        { ImportFile.Lines, Bytes("hostname\na.example.com\n"), "import-unreadable" },
        { ImportFile.Lines, [0xFF, 0xFE, .. Encoding.Unicode.GetBytes("{}")], "import-unreadable" },
        { ImportFile.Csv, [], "import-empty" },
        { ImportFile.Csv, Bytes("\r\n\r\n"), "import-empty" },
        { ImportFile.Csv, Bytes("hostname,keyAlgorithm\n"), "import-empty" },
        { ImportFile.Csv, Bytes("a.example.com\nb.example.com\n"), "import-header" },
        { ImportFile.Csv, Bytes("keyAlgorithm\nrsa2048\n"), "import-header" },
        { ImportFile.Csv, Bytes("hostname,color\na.example.com,red\n"), "import-header" },
        { ImportFile.Csv, Bytes("hostname,hostname\na.example.com,b.example.com\n"), "import-header" },
        { ImportFile.Csv, Bytes("hostname,\na.example.com,\n"), "import-header" },
        { ImportFile.Csv, Bytes("hostname.x\na.example.com\n"), "import-header" },
        { ImportFile.Csv, Bytes("{\"hostname\":\"a.example.com\"}\n"), "import-header" },
        { ImportFile.Csv, [0xFE, 0xFF, .. Encoding.BigEndianUnicode.GetBytes("hostname")], "import-unreadable" },
        {
            ImportFile.Csv, Bytes("hostname\n" + string.Concat(Enumerable.Repeat("a.example.com\n", 10_001))),
            "import-too-long"
        },
    };

    [Theory]
    [MemberData(nameof(BadFiles))]
    public void A_file_that_is_none_is_refused_as_a_whole(string kind, byte[] file, string reason)
    {
        var (rows, problem) = Files.Read(file, kind, row => row);
        Assert.Empty(rows);
        Assert.Equal(reason, problem!.Kind.Code);
    }

    [Theory]
    [InlineData(65, "names 65 columns")]
    [InlineData(290_000, "longer than 64 KB")]
    public void A_first_line_beyond_all_measure_is_not_looked_at(int columns, string why)
    {
        var names = Enumerable.Range(0, columns - 1).Select(n => $"metadata.k{n}").Prepend("hostname");
        var (rows, problem) = Files.Read(Bytes(string.Join(',', names) + "\n"), ImportFile.Csv, row => row);
        Assert.Empty(rows);
        Assert.Equal("import-header", problem!.Kind.Code);
        Assert.Contains(why, problem.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_is_not_cut_within_a_character()
    {
        var shown = Read(
            Bytes($"hostname\ngood.example.com\n{new string('a', 252)}😀\n"), ImportFile.Csv)[1].Hostname;
        Assert.Equal(new string('a', 252), shown);
    }

    [Fact]
    public void Ten_thousand_rows_are_taken() => Assert.Equal(10_000, Read(
        Bytes("hostname\n" + string.Concat(Enumerable.Range(0, 10_000).Select(n => $"n{n}.example.com\n"))),
        ImportFile.Csv).Count);

    [Fact]
    public void A_name_that_is_there_twice_points_to_its_first_line()
    {
        var rows = Read(
            Bytes("hostname,keyAlgorithm\na.example.com,\nb.example.com,\na.example.com,\nb.example.com,rsa2048\n"),
            ImportFile.Csv);
        Assert.Equal([null, null, 2, 3], rows.Select(row => row.SameAs));
        Assert.Equal(ImportOutcome.Unchanged, rows[2].Outcome);
        Assert.Equal(ImportOutcome.Refused, rows[3].Outcome);
        Assert.Equal("import-row-contradicts", JsonNode.Parse(rows[3].Problem!)!["reason"]!.ToString());
    }

    [Fact]
    public void What_holds_for_all_rows_is_added_where_a_row_does_not_say()
    {
        var (rows, _) = Files.Read(
            Bytes("hostname,tenant\na.example.com,globex\nb.example.com,\n"), ImportFile.Csv,
            row => row with { Tenant = row.Tenant ?? "acme" });
        Assert.Equal(
            ["globex", "acme"], rows.Select(row => JsonNode.Parse(row.Request!)!["tenant"]!.ToString()));
    }

    private static IReadOnlyList<ReadRow> Read(byte[] file, string kind)
    {
        var (rows, problem) = Files.Read(file, kind, row => row);
        Assert.True(problem is null, problem?.Detail);
        return rows;
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static ImportFile Make()
    {
        var json = new JsonOptions();
        JsonSetup.Apply(json.SerializerOptions);
        return new ImportFile(
            Options.Create(json),
            new RegisterDomainRequest.Rules(Options.Create(new FleetOptions()), new Authorities([], "none")));
    }
}
