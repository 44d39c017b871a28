using System.CommandLine;
using System.Diagnostics;
using ControlPlane.Forecasts.Replaying;

namespace ControlPlane.Forecasts;

/// <summary><c>ControlPlane forecast</c>: with <c>--domains</c> a replay that needs nothing but this program; without
/// it, the forecast of the fleet in the database.</summary>
internal static class ForecastCommand
{
    private static readonly Option<int?> Domains = new("--domains")
    {
        Description = $"Replay so many, 1 to {PaperFleet.MostDomains:N0}; without it the real fleet is looked at.",
    };

    private static readonly Option<int> Lifetime = new("--lifetime")
    {
        Description = $"Days of a certificate, {PaperFleet.ShortestDays} to {PaperFleet.LongestDays}.",
        DefaultValueFactory = _ => 47,
    };

    private static readonly Option<int> ArriveOver = new("--arrive-over-days")
    {
        Description = "They come evenly over so many days, 0 to 365; 0: all at once.",
    };

    private static readonly Option<double> Failing = new("--failed-looks-percent")
    {
        Description = "Of the CA's looks for a token, 0 to 50; each is repeated.",
        DefaultValueFactory = _ => 1,
    };

    private static readonly Option<double> Outage = new("--outage-hours")
    {
        Description = "How long the CA is away in the middle of each year, 0 to 720.",
        DefaultValueFactory = _ => 24,
    };

    private static readonly Option<DirectoryInfo> Out = new("--out")
    {
        Description = "Where forecast.json and forecast.svg are written.",
        DefaultValueFactory = _ => new DirectoryInfo(".local"),
    };

    /// <param name="withServices">Runs an action with the program's database.</param>
    public static Command Make(Func<Func<IServiceProvider, Task<int>>, Task<int>> withServices)
    {
        var forecast = new Command(
            "forecast",
            "CA calls to come, against the budget. With --domains: two years of such a fleet on paper, with nothing "
            + "running; status 1 when a certificate would end while it is served.")
        {
            Domains, Lifetime, ArriveOver, Failing, Outage, Out,
        };
        forecast.TreatUnmatchedTokensAsErrors = false;
        forecast.SetAction(async (parsed, ct) => FaultOf(parsed) is { } fault
            ? await RefuseAsync(fault)
            : parsed.GetValue(Domains) is { } domains
                ? await ReplayAsync(FleetOf(parsed, domains), parsed.GetValue(Out)!, ct)
                : await withServices(services => ForecastTable.PrintAsync(services, ct)));
        return forecast;
    }

    private static PaperFleet FleetOf(ParseResult parsed, int domains) => new(domains, parsed.GetValue(Lifetime))
    {
        ArriveOverDays = parsed.GetValue(ArriveOver),
        FailedLooks = parsed.GetValue(Failing) / 100,
        OutageHours = parsed.GetValue(Outage),
    };

    private static string? FaultOf(ParseResult parsed)
    {
        if (parsed.GetValue(Domains) is not { } domains)
        {
            Option[] others = [Lifetime, ArriveOver, Failing, Outage, Out];
            return others.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is { } given
                ? $"{given.Name} is for a replay: give --domains too. The real fleet's certificates tell their own."
                : null;
        }

        (string Name, double Value, double Least, double Most)[] all =
        [
            (Domains.Name, domains, 1, PaperFleet.MostDomains),
            (Lifetime.Name, parsed.GetValue(Lifetime), PaperFleet.ShortestDays, PaperFleet.LongestDays),
            (ArriveOver.Name, parsed.GetValue(ArriveOver), 0, 365),
            (Failing.Name, parsed.GetValue(Failing), 0, 50),
            (Outage.Name, parsed.GetValue(Outage), 0, 720),
        ];
        return all.Where(one => !(one.Value >= one.Least && one.Value <= one.Most))
            .Select(one => $"{one.Name} is {one.Value}: it must be {one.Least:N0} to {one.Most:N0}.").FirstOrDefault();
    }

    private static async Task<int> ReplayAsync(PaperFleet fleet, DirectoryInfo directory, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        var result = Replay.Run(fleet);
        Console.WriteLine(ReplayTable.Of(result));
        try
        {
            directory.Create();
            var (json, plot) = (
                Path.Combine(directory.FullName, "forecast.json"), Path.Combine(directory.FullName, "forecast.svg"));
            await File.WriteAllTextAsync(json, ReplayFile.Of(result), ct);
            await File.WriteAllTextAsync(plot, ReplayPlot.Of(result), ct);
            Console.WriteLine(
                $"\n{json}\n{plot}\nReplayed in {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s.");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync(fault.Message);
            return CommandLine.CouldNotTry;
        }

        return result.LateRenewals == 0 && result.CallsOverBudget == 0 ? 0 : 1;
    }

    private static async Task<int> RefuseAsync(string fault)
    {
        await Console.Error.WriteLineAsync(fault);
        return 1;
    }
}
