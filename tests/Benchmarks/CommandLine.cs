using System.CommandLine;

namespace Benchmarks;

/// <summary>The options of the program. A wrong one ends it with a sentence and exit status 1.</summary>
internal static class CommandLine
{
    public static RootCommand Create()
    {
        var list = new Option<bool>("--list") { Description = "Name the scenarios and what each measures, and end." };
        var only = new Option<string?>("--only")
        {
            Description = "Scenarios to run, separated by commas, in this order; all when left out.",
        };
        only.Validators.Add(result =>
        {
            var unknown = Names(result.GetValueOrDefault<string?>()).Where(name => Catalogue.Find(name) is null);
            foreach (var name in unknown)
            {
                result.AddError($"There is no scenario '{name}'. --list names them.");
            }
        });
        var output = new Option<string>("--out")
        {
            Description = "Directory for <scenario>.json.",
            DefaultValueFactory = _ => ".local/bench",
        };
        var root = new RootCommand(
            "Measures the real programs on this machine, with a PostgreSQL and a HAProxy of its own. The goals are "
            + "ratios and limits; a missed one is printed as missed. Exit status: 0 when every scenario ran, whether "
            + "or not its goals were met; 1 when one could not be run; 130 when interrupted.")
        {
            list, only, output,
        };
        root.SetAction((parsed, _) =>
        {
            if (parsed.GetValue(list))
            {
                Catalogue.Print(Console.Out);
                return Task.FromResult(0);
            }

            var names = Names(parsed.GetValue(only));
            var chosen = names.Count == 0 ? Catalogue.All : [.. names.Select(name => Catalogue.Find(name)!)];
            return Run.AllAsync(chosen, Path.GetFullPath(parsed.GetRequiredValue(output)));
        });
        return root;
    }

    private static IReadOnlyList<string> Names(string? only) => (only ?? "").Split(
        ',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
