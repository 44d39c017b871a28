using System.Text.RegularExpressions;

namespace ControlPlane.Tests;

/// <summary>What the page says an attacker gets is held by tests that exist: no sentence stands alone.</summary>
public sealed partial class AttackerPageTests
{
    [Fact]
    public void Every_sentence_of_the_page_names_a_test_that_is_there()
    {
        var sentences = Sentences();
        Assert.True(sentences.Count >= 40, $"only {sentences.Count} sentences were found");
        Assert.All(sentences, sentence =>
        {
            var tests = Test().Matches(sentence.Split('→')[^1]);
            Assert.True(sentence.Contains('→') && tests.Count > 0, $"No test is named: {sentence}");
            Assert.All(tests, test => Assert.True(IsThere(test), $"{test.Value} is not there: {sentence}"));
        });
    }

    /// <summary>Below the first heading and its one sentence, the page holds headings and sentences, nothing
    /// else.</summary>
    private static List<string> Sentences()
    {
        var sentences = new List<string>();
        var page = SourceTree.Here.Read("src/ControlPlane/what-an-attacker-gets.md").Lines;
        foreach (var line in page.SkipWhile(line => !IsHeading(line)).Where(line => line != "" && !IsHeading(line)))
        {
            if (line.StartsWith("- ", StringComparison.Ordinal))
            {
                sentences.Add(line);
            }
            else
            {
                Assert.True(line.StartsWith("  ", StringComparison.Ordinal), $"Neither heading nor sentence: {line}");
                sentences[^1] += line;
            }
        }

        return sentences;
    }

    private static bool IsHeading(string line) => line.StartsWith("## ", StringComparison.Ordinal);

    private static bool IsThere(Match test) => SourceTree.Here.Code.Any(file =>
        !file.IsProduct
        && Path.GetFileName(file.Path) == $"{test.Groups["class"].Value}.cs"
        && file.Text.Contains($" {test.Groups["method"].Value}(", StringComparison.Ordinal));

    [GeneratedRegex(@"`(?<class>\w+)\.(?<method>\w+)`")]
    private static partial Regex Test();
}
