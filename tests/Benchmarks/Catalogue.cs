using Benchmarks.Scenarios;

namespace Benchmarks;

/// <summary>Every scenario there is, cheapest parts first.</summary>
internal static class Catalogue
{
    public static IReadOnlyList<IScenario> All { get; } =
    [
        new Wake(), new Delta(), new FullList(), new Inject(), new Rotate(), new Restart(), new Memory(), new Audit(),
        new ConsolePages(),
    ];

    public static IScenario? Find(string name) => All.FirstOrDefault(scenario => scenario.Name == name);

    public static void Print(TextWriter to)
    {
        foreach (var scenario in All)
        {
            to.WriteLine($"{scenario.Name,-8} {scenario.Summary}");
        }
    }
}

/// <summary>One thing that is measured, on parts that it starts and ends itself.</summary>
internal interface IScenario
{
    /// <summary>As <c>--only</c> takes it, and as its file is called.</summary>
    string Name { get; }

    /// <summary>One line.</summary>
    string Summary { get; }

    /// <exception cref="LocalFleet.FleetException">It could not be measured.</exception>
    Task<Outcome> RunAsync(CancellationToken stop);
}
