using LocalFleet;
using LocalFleet.Up;
using Npgsql;

namespace Benchmarks;

/// <summary>One scenario after the other. Whatever happens, everything that was started is ended.</summary>
internal static class Run
{
    // 128 + SIGINT, as a shell would say it.
    private const int Interrupted = 130;

    /// <summary>More than twice what the longest takes on two busy cores: beyond it something hangs.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    public static async Task<int> AllAsync(IReadOnlyList<IScenario> scenarios, string output)
    {
        using var stop = new CancellationTokenSource();
        using var signals = new StopSignals(stop);
        var outcomes = new List<Outcome>();
        var status = 0;
        foreach (var scenario in scenarios)
        {
            try
            {
                await Console.Error.WriteLineAsync($"{scenario.Name}: {scenario.Summary}");
                var outcome = await OneAsync(scenario, stop.Token);
                Write(outcome, output);
                outcomes.Add(outcome);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                await Console.Error.WriteLineAsync($"Interrupted in {scenario.Name}.");
                status = Interrupted;
                break;
            }
            catch (Exception fault) when (fault is FleetException or NpgsqlException or HttpRequestException
                or IOException)
            {
                // The others can still be measured.
                await Console.Error.WriteLineAsync($"error: {scenario.Name}: {fault.Message}");
                status = 1;
            }
        }

        if (outcomes.Count > 0)
        {
            Console.WriteLine(ResultTable.Of(outcomes));
            var goals = outcomes.SelectMany(outcome => outcome.Goals).ToList();
            Console.WriteLine(
                $"{goals.Count(goal => goal.Met)} of {goals.Count} goals met; the figures are in {output}");
        }

        return status;
    }

    private static async Task<Outcome> OneAsync(IScenario scenario, CancellationToken stop)
    {
        var time = TimeProvider.System;
        var began = time.GetTimestamp();
        using var limit = new CancellationTokenSource(Limit, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stop);
        try
        {
            var outcome = await scenario.RunAsync(both.Token);
            await Console.Error.WriteLineAsync($"  {time.GetElapsedTime(began).TotalSeconds:0} s");
            return outcome;
        }
        catch (OperationCanceledException late) when (!stop.IsCancellationRequested)
        {
            throw new FleetException($"It was not done after {Limit.TotalMinutes:0} minutes.", late);
        }
    }

    private static void Write(Outcome outcome, string output)
    {
        // As make up makes .local: its owner's alone.
        Directory.CreateDirectory(
            output, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.WriteAllText(Path.Combine(output, outcome.Scenario + ".json"), outcome.ToJson());
    }
}
