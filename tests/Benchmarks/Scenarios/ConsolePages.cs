using System.Globalization;
using System.Net;
using Benchmarks.Bed;
using LocalFleet;

namespace Benchmarks.Scenarios;

/// <summary>Every page of the support console with 100,000 domains: the time that the server says it took, from the
/// request's first byte to the page's last.</summary>
internal sealed class ConsolePages : IScenario
{
    private const int Domains = 100_000;
    private const int Repetitions = 10;

    /// <summary>Methods are compiled at their first calls.</summary>
    private const int WarmUp = 3;

    private static readonly (string Name, string Path)[] Pages =
    [
        ("overview", "/console"),
        ("domains", "/console/domains"),
        ("prefix", "/console/domains?q=shop-7777"),
        ("noSuchName", "/console/domains?q=zzz"),
        ("pending", "/console/domains?status=pending"),
        ("degraded", "/console/domains?status=degraded"),
        ("onOperator", "/console/domains?waitingOn=operator"),
        ("onCustomer", "/console/domains?waitingOn=customer"),
        ("onNobody", "/console/domains?waitingOn=none"),
        ("caRefused", "/console/domains?reason=ca-refused"),
        ("movedAway", "/console/domains?reason=dns-moved-away"),
        ("noReason", "/console/domains?reason=vault-not-reachable"),
        ("tenant", "/console/domains?tenant=tenant-7&fleet=fleet-2"),
        ("tenantFailed", "/console/domains?tenant=tenant-7&status=failed&waitingOn=customer"),
        ("activeDomain", "/console/domains/{active}"),
        ("pendingDomain", "/console/domains/{pending}"),
        ("fleets", "/console/fleets"),
        ("fleet", "/console/fleets/fleet-1"),
        ("expiry", "/console/expiry"),
        ("expiryDay", "/console/expiry/{day}"),
        ("timeToActive24h", "/console/time-to-active"),
        ("timeToActive30d", "/console/time-to-active?hours=720"),
        ("campaigns", "/console/campaigns"),
        ("campaign", "/console/campaigns/{campaign}"),
        ("webhooks", "/console/webhooks"),
        ("audit", "/console/audit"),
        ("auditSearch", "/console/audit?operation=NoSuchThing"),
    ];

    public string Name => "console";

    public string Summary => "every page of the support console with 100,000 domains: server time";

    public async Task<Outcome> RunAsync(CancellationToken stop)
    {
        await using var bench = BenchFleet.Prepare();
        await bench.StartApiAsync(stop);
        return await bench.UnlessDeadAsync(token => MeasureAsync(bench, token), stop);
    }

    private async Task<Outcome> MeasureAsync(BenchFleet bench, CancellationToken stop)
    {
        await new ConsoleRows(bench.Owner).FillAsync(Domains, stop);
        await Console.Error.WriteLineAsync("  filled; half of the times and the slowest:");
        using var http = await SignInAsync(bench, stop);
        var figures = new Dictionary<string, double>();
        var goals = new List<Goal>();
        foreach (var (name, template) in Pages)
        {
            var path = await FilledAsync(bench, template, stop);
            var times = new List<double>();
            for (var i = 0; i < WarmUp + Repetitions; i++)
            {
                times.Add(await TimeAsync(http, path, stop));
            }

            var spread = Spread.Of([.. times.Skip(WarmUp)]);
            figures[$"{name}FirstMs"] = times[0];
            figures[$"{name}P50Ms"] = spread.P50;
            await Console.Error.WriteLineAsync($"  {spread.P50,6:0.0} {spread.Max,6:0.0} ms  {path}");
            goals.Add(Goal.AtMost($"{name} (slowest of {Repetitions})", 200, "ms", spread.Max));
        }

        return new Outcome(Name, figures, goals);
    }

    /// <exception cref="FleetException">The page is not there.</exception>
    private static async Task<double> TimeAsync(HttpClient http, string path, CancellationToken stop)
    {
        using var answer = await http.GetAsync(new Uri(path, UriKind.Relative), stop);
        return answer.StatusCode == HttpStatusCode.OK
            && answer.Headers.TryGetValues("Server-Timing", out var timing)
            && double.TryParse(timing.Single().Split("dur=")[^1], CultureInfo.InvariantCulture, out var took)
                ? took
                : throw new FleetException($"{path}: {(int)answer.StatusCode}");
    }

    private static async Task<HttpClient> SignInAsync(BenchFleet bench, CancellationToken stop)
    {
        await FleetKeys.EnsureAsync(bench.Fleet, stop);
        var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = bench.Api };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/console/sign-in")
        {
            Content = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["key"] = (await File.ReadAllTextAsync(bench.Fleet.Layout.AdminKey, stop)).Trim(),
            }),
        };
        request.Headers.Add("Origin", bench.Api.GetLeftPart(UriPartial.Authority));
        using var answer = await http.SendAsync(request, stop);
        return answer.StatusCode == HttpStatusCode.SeeOther
            ? http
            : throw new FleetException($"Signing in: {(int)answer.StatusCode}");
    }

    private static async Task<string> FilledAsync(BenchFleet bench, string template, CancellationToken stop)
    {
        await using var command = bench.Owner.CreateCommand(
            """
            SELECT (SELECT id FROM domains WHERE status = 'Active' LIMIT 1)::text,
                   (SELECT id FROM domains WHERE status = 'Pending' LIMIT 1)::text,
                   to_char(now() + interval '70 days', 'YYYY-MM-DD'),
                   (SELECT id FROM campaigns WHERE state = 'Paused')::text
            """);
        await using var reader = await command.ExecuteReaderAsync(stop);
        await reader.ReadAsync(stop);
        return template.Replace("{active}", reader.GetString(0), StringComparison.Ordinal)
            .Replace("{pending}", reader.GetString(1), StringComparison.Ordinal)
            .Replace("{day}", reader.GetString(2), StringComparison.Ordinal)
            .Replace("{campaign}", reader.GetString(3), StringComparison.Ordinal);
    }
}
