using System.Text.Json;
using Benchmarks;

namespace ControlPlane.Tests;

/// <summary>What <c>make bench</c> says, without measuring anything.</summary>
public sealed class BenchmarkTests
{
    /// <summary>Fails when a goal is called met whatever was measured, or the file's names change.</summary>
    [Fact]
    public void A_missed_goal_is_written_down_as_missed()
    {
        var outcome = new Outcome(
            "wake",
            new Dictionary<string, double> { ["p99Ms"] = 120.04567 },
            [
                Goal.AtMost("p99", 100, "ms", 120.04567),
                Goal.AtMost("p50", 100, "ms", 100),
                Goal.AtLeast("ratio", 0.8, 0.7),
            ]);
        using var json = JsonDocument.Parse(outcome.ToJson());
        Assert.Equal("wake", json.RootElement.GetProperty("scenario").GetString());
        Assert.Equal(120.046, json.RootElement.GetProperty("figures").GetProperty("p99Ms").GetDouble());
        var goals = json.RootElement.GetProperty("goals").EnumerateArray().ToList();
        Assert.Equal([false, true, false], goals.Select(goal => goal.GetProperty("met").GetBoolean()));
        Assert.Equal("<= 100 ms", goals[0].GetProperty("goal").GetString());
        Assert.Equal(120.046, goals[0].GetProperty("value").GetDouble());
        Assert.Contains("MISSED", ResultTable.Of([outcome]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_scenario_that_is_not_there_is_refused_by_name()
    {
        var parsed = Benchmarks.CommandLine.Create().Parse(["--only", "wake,lunch"]);
        Assert.Contains("'lunch'", Assert.Single(parsed.Errors).Message, StringComparison.Ordinal);
        Assert.Empty(Benchmarks.CommandLine.Create().Parse(["--only", "inject, wake"]).Errors);
    }
}
