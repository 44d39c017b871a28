using System.Text.RegularExpressions;

namespace ControlPlane.Tests;

/// <summary>The repository that this assembly was built from, read as text.</summary>
internal sealed partial class SourceTree
{
    public static SourceTree Here { get; } = new();

    private SourceTree()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "ControlPlane.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("ControlPlane.sln is in no folder above.");
        }

        Root = folder.FullName;
        Code = [.. Below("src", ".cs", ".razor", ".css", ".js"), .. Below("tests", ".cs")];
    }

    public string Root { get; }

    /// <summary>Every C# file of src and tests, and every page, stylesheet and script.</summary>
    public IReadOnlyList<SourceFile> Code { get; }

    public IEnumerable<SourceFile> Product => Code.Where(file => file.IsProduct);

    public SourceFile Read(string path) => new(path, File.ReadAllText(Path.Combine(Root, path)));

    /// <summary>The files below a folder that end so, without what builds leave behind.</summary>
    public IEnumerable<SourceFile> Below(string folder, params string[] endings) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Root, path))
            .Where(path => endings.Any(ending => path.EndsWith(ending, StringComparison.Ordinal)))
            .Where(path => !path.Split('/').Any(part => part is "bin" or "obj"))
            .Order(StringComparer.Ordinal)
            .Select(Read);

    /// <summary>What the product declares: types, values of enums, properties, and folders.</summary>
    public HashSet<string> Names()
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var file in Product)
        {
            names.UnionWith(file.Path.Split('/').SkipLast(1));
            names.UnionWith(file.Types.Select(type => type.Name));
            names.UnionWith(Properties().Matches(file.Text).Select(match => match.Groups["name"].Value));
            names.UnionWith(EnumBodies().Matches(file.Text)
                .SelectMany(body => EnumValues().Matches(body.Groups["values"].Value))
                .Select(match => match.Groups["name"].Value));
        }

        return names;
    }

    [GeneratedRegex(@"^\s+public [^=(;\n]*?\b(?<name>[A-Z]\w*)\s*(?:\{|=>)", RegexOptions.Multiline)]
    private static partial Regex Properties();

    [GeneratedRegex(@"\benum \w+[^{]*\{(?<values>[^}]*)\}")]
    private static partial Regex EnumBodies();

    [GeneratedRegex(@"^\s*(?<name>[A-Z]\w*)\s*(?:=[^,]*)?,?\s*(?://.*)?$", RegexOptions.Multiline)]
    private static partial Regex EnumValues();
}

/// <summary>One file.</summary>
/// <param name="Path">From the root, with slashes.</param>
/// <param name="Text">All of it.</param>
internal sealed partial record SourceFile(string Path, string Text)
{
    public bool IsProduct => Path.StartsWith("src/", StringComparison.Ordinal);

    public IReadOnlyList<string> Lines { get; } = Text.TrimEnd('\n').Split('\n');

    /// <summary>The types it declares, each with its line.</summary>
    public IEnumerable<(string Name, int Line)> Types =>
        Declarations().Matches(Text).Select(match => (match.Groups["name"].Value, LineOf(match.Groups["name"].Index)));

    public int LineOf(int index) => Text.AsSpan(0, index).Count('\n') + 1;

    [GeneratedRegex(
        @"^[ \t]*(?:(?:public|internal|private|protected|file|sealed|static|abstract|partial|readonly|ref)\s+)+"
        + @"(?:record\s+struct|record\s+class|class|record|struct|interface|enum)\s+(?<name>\w+)",
        RegexOptions.Multiline)]
    private static partial Regex Declarations();
}
