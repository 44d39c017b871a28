using System.Globalization;

namespace Benchmarks;

/// <summary>The results as a table of plain text: it is read in terminals and in logs.</summary>
internal static class ResultTable
{
    public static string Of(IReadOnlyList<Outcome> outcomes)
    {
        List<string[]> rows = [["scenario", "figure", "value", "goal", "met"]];
        foreach (var outcome in outcomes)
        {
            rows.AddRange(outcome.Goals.Select(goal => new[]
            {
                outcome.Scenario, goal.Name, Number(goal.Value), goal.Limit, goal.Met ? "yes" : "MISSED",
            }));
            rows.AddRange(outcome.Figures.Select(figure => new[]
            {
                outcome.Scenario, figure.Key, Number(figure.Value), "", "",
            }));
        }

        var widths = Enumerable.Range(0, 5).Select(column => rows.Max(row => row[column].Length)).ToArray();
        return string.Join('\n', rows.Select(row => string.Join("  ", row.Select(
            (cell, column) => column == 2 ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]))).TrimEnd()));
    }

    private static string Number(double value) =>
        Outcome.Rounded(value).ToString("0.###", CultureInfo.InvariantCulture);
}
