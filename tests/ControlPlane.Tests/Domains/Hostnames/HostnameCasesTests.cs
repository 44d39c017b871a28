using System.Text.RegularExpressions;
using ControlPlane.Contracts;
using ControlPlane.Domains;
using ControlPlane.Domains.Hostnames;
using FsCheck;
using FsCheck.Fluent;

namespace ControlPlane.Tests.Domains.Hostnames;

/// <summary>Threat: hostnames. Which are taken and why others are not: the table of cases is a file, and what the table
/// cannot list is searched at random.</summary>
public sealed class HostnameCasesTests
{
    private static readonly FleetOptions Fleet = new()
    {
        CnameTarget = "edge.controlplane.co.uk",
        OwnNames = ["saas-portal.net"],
    };

    [Fact]
    public void Every_name_of_the_table_is_judged_as_written_there()
    {
        var cases = Cases().ToList();
        Assert.True(cases.Count >= 150, $"Only {cases.Count} cases were found.");
        var wrong = cases.Select(expected =>
        {
            var problem = HostnameRules.Refuse(expected.Name, Fleet);
            var code = problem?.Kind.Code ?? "accepted";
            var fix = expected.Fix is null ? null : problem?.Fix[0].Text;
            return (code, fix) == (expected.Code, expected.Fix)
                ? null
                : $"{expected.Name}: {code} {fix}, not {expected.Code} {expected.Fix}";
        }).OfType<string>().ToList();
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public void Every_refusal_of_a_name_says_what_to_do() => Assert.All(
        Cases().Where(row => row.Code != "accepted"),
        row => Assert.NotEmpty(HostnameRules.Refuse(row.Name, Fleet)!.Fix));

    [Fact]
    public void A_reserved_ending_is_taken_only_where_a_lab_allows_it()
    {
        var lab = new FleetOptions { CnameTarget = "edge.saas.example", AllowedSpecialUseNames = ["example"] };
        Assert.Null(HostnameRules.Refuse("shop.customers.example", lab));
        Assert.Equal("hostname-special-use", HostnameRules.Refuse("shop.customers.test", lab)!.Kind.Code);
        Assert.Equal("hostname-ours", HostnameRules.Refuse("a.edge.saas.example", lab)!.Kind.Code);
    }

    [Fact]
    public void No_text_makes_the_rules_throw_and_what_they_take_is_safe_as_a_path_and_as_a_word_for_HAProxy()
    {
        var pieces = Gen.OneOf(
            Gen.Elements(
                ".", "..", "-", "--", "xn--", "a", "shop", "example", "com", "co.uk", "/", "\\", ":", ";", "\n", "<<",
                " ", "\0", "*", "_", "%", "é", "ß", "а", "日", "\u0301", "\u200d", "\ud800", "\U0001F44D", "127", "[",
                "bcher-kva", "99999999"),
            ArbMap.Default.GeneratorFor<string>().Select(text => text ?? ""));
        var names = pieces.ListOf().Select(parts => string.Concat(parts));
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(3000),
            Prop.ForAll(names.ToArbitrary(), name => HostnameRules.Refuse(name, Fleet) is not null || IsSafe(name)));
    }

    [Fact]
    public void No_Punycode_makes_the_rules_throw()
    {
        var labels = Gen.Elements("abcdefghijklmnopqrstuvwxyz0123456789-".ToCharArray()).ArrayOf()
            .Select(letters => $"xn--{new string(letters)}.example.com");
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(3000),
            Prop.ForAll(labels.ToArbitrary(), name => HostnameRules.Refuse(name, Fleet) is not null || IsSafe(name)));
    }

    private static bool IsSafe(string name) => HostnameSyntax.IsValid(name) && Path.GetFileName(name) == name
        && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '-')
        && name[0] is not ('.' or '-') && !name.Contains("..", StringComparison.Ordinal) && name.Length <= 64;

    private static IEnumerable<(string Name, string Code, string? Fix)> Cases()
    {
        using var stream = typeof(HostnameCasesTests).Assembly.GetManifestResourceStream("hostname-cases.tsv")!;
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith("# ", StringComparison.Ordinal))
            {
                continue;
            }

            var cells = line.Split('\t');
            yield return (Regex.Unescape(cells[0]), cells[1], cells.Length > 2 ? cells[2] : null);
        }
    }
}
