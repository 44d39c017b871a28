using System.Text.RegularExpressions;

namespace ControlPlane.Tests;

/// <summary>How the code is kept readable, held by the build. Each failure names every place.</summary>
public sealed partial class TreeTests
{
    private const int MostLines = 250;
    private const int MostTestLines = 400;
    private const int MostFiles = 20;
    private const int MostDepth = 3;
    private const int MostColumns = 120;

    /// <summary>Words that say nothing about what a type is for.</summary>
    private static readonly string[] EmptyWords =
        ["Manager", "Helper", "Util", "Service", "Processor", "Common", "Core", "Info", "Data"];

    private static SourceTree Tree => SourceTree.Here;

    [Fact]
    public void A_file_is_one_thought() => None(
        from file in Tree.Code
        let most = file.IsProduct ? MostLines : MostTestLines
        where file.Lines.Count > most
        select $"{file.Path} has {file.Lines.Count} lines, more than {most}");

    [Fact]
    public void A_folder_can_be_taken_in_at_a_glance() => None(
        from file in Tree.Code
        group file by Path.GetDirectoryName(file.Path) into folder
        where folder.Count() > MostFiles
        select $"{folder.Key} has {folder.Count()} source files, more than {MostFiles}");

    /// <summary>Counted below a project: <c>src/Project/one/two/three/File.cs</c> is as deep as it goes.</summary>
    [Fact]
    public void No_folder_is_deep() => None(
        from file in Tree.Code
        let depth = file.Path.Split('/').Length - 3
        where depth > MostDepth
        select $"{file.Path} is {depth} folders below its project, more than {MostDepth}");

    /// <summary>In characters, not bytes. The rows of a table in prose cannot be wrapped. Migrations are left as they
    /// were applied: the database knows them by their digest.</summary>
    [Fact]
    public void Lines_end_at_120_columns() => None(
        from file in Tree.Code.Concat(Tree.Below("src", ".csproj", ".md", ".sh"))
            .Concat(new[] { "README.md", "Makefile", "Dockerfile", "docker-compose.yml" }.Select(Tree.Read))
        from line in file.Lines.Index()
        let columns = line.Item.TrimEnd('\r').EnumerateRunes().Count()
        where columns > MostColumns && !line.Item.StartsWith('|')
        select $"{file.Path}:{line.Index + 1} has {columns} columns, more than {MostColumns}");

    [Fact]
    public void A_types_name_says_what_it_is_for() => None(
        from file in Tree.Code
        from type in file.Types
        from word in Words().Matches(type.Name).Select(match => match.Value)
        where EmptyWords.Contains(word)
        select $"{file.Path}:{type.Line}: {type.Name} is named {word}");

    [Fact]
    public void Time_comes_from_a_TimeProvider() => None(
        from file in Tree.Code
        from match in OwnClocks().Matches(file.Text).Concat(Delays().Matches(file.Text))
        select $"{file.Path}:{file.LineOf(match.Index)}: {match.Value}");

    /// <summary>The one rule of <c>dotnet format</c> that the compiler does not check.</summary>
    [Fact]
    public void Usings_are_sorted_System_first() => None(
        from file in Tree.Code
        let usings = file.Lines.Where(line => Using().IsMatch(line)).ToList()
        let sorted = usings
            .OrderBy(line => line.Contains('=') ? 2 : line.StartsWith("using static", StringComparison.Ordinal) ? 1 : 0)
            .ThenBy(line => !OfSystem().IsMatch(line))
            .ThenBy(line => line.TrimEnd(';'), StringComparer.OrdinalIgnoreCase)
        where !usings.SequenceEqual(sorted)
        select $"{file.Path}: the usings are not sorted");

    [Fact]
    public void Nothing_is_left_for_later() => None(
        from file in Tree.Code
        from match in Postponed().Matches(file.Text)
        select $"{file.Path}:{file.LineOf(match.Index)}: {match.Value}");

    [Theory]
    [InlineData("README.md")]
    [InlineData("src/ControlPlane/Domains/README.md")]
    public void What_a_document_names_is_there(string path)
    {
        var names = Tree.Names();
        var document = Tree.Read(path);
        var folder = Path.Combine(Tree.Root, Path.GetDirectoryName(path)!);
        None(
            from match in Named().Matches(document.Text)
            let name = match.Groups["name"].Value
            where !names.Contains(name)
            select $"{path}:{document.LineOf(match.Index)}: {name} is no type, state or folder");
        None(
            from match in Linked().Matches(document.Text)
            let target = match.Groups["target"].Value
            where !Path.Exists(Path.Combine(folder, target))
            select $"{path}:{document.LineOf(match.Index)}: {target} is not there");
    }

    private static void None(IEnumerable<string> violations)
    {
        var all = violations.ToList();
        Assert.True(all.Count == 0, $"{all.Count}:\n{string.Join('\n', all)}");
    }

    [GeneratedRegex("[A-Z][a-z0-9]*")]
    private static partial Regex Words();

    [GeneratedRegex(@"\bDateTime(?:Offset)?\.(?:Utc)?Now\b|\bThread\.Sleep\b")]
    private static partial Regex OwnClocks();

    /// <summary>A delay up to its semicolon, in which nothing is called like a clock.</summary>
    [GeneratedRegex(@"\bTask\.Delay\((?![^;]*(?:\b_?time\b|TimeProvider|\b_?clock\b))[^;]*")]
    private static partial Regex Delays();

    [GeneratedRegex(@"^using (?!var\b|\()[\w .=]+;$")]
    private static partial Regex Using();

    [GeneratedRegex(@"^using (?:static )?System\b")]
    private static partial Regex OfSystem();

    // Written so that this line is not one itself.
    [GeneratedRegex(@"\b(?:TO(?:DO)|FIX(?:ME))\b")]
    private static partial Regex Postponed();

    /// <summary>One word in backticks that begins as a type does. <c>HAProxy</c> and <c>GET</c> do not.</summary>
    [GeneratedRegex("`(?<name>[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)*)`")]
    private static partial Regex Named();

    [GeneratedRegex(@"\]\((?!https?:|#)(?<target>[^)#]+)[^)]*\)")]
    private static partial Regex Linked();
}
