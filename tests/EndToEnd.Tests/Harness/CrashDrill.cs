using System.Net.Http.Json;
using LocalFleet.Parts;
using LocalFleet.Up;

namespace EndToEnd.Tests.Harness;

/// <summary>Starts a part so that it kills itself at a named point, and gets it there.</summary>
internal static class CrashDrill
{
    /// <summary>128 + SIGKILL: what a shell calls the end that a failpoint brings.</summary>
    private const int Killed = 137;

    /// <summary>Generous: it only ends a drill whose point is never reached.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(5);

    /// <summary>Leases and look-ups as short as the rules between them allow, so that a killed worker's orders do not
    /// stand still for the minutes that are right in production.</summary>
    public static readonly Dictionary<string, string?> ShortWaits = new()
    {
        ["CertCentral__BudgetPatience"] = "00:00:02",
        ["CertCentral__HttpTimeout"] = "00:00:03",
        ["CertCentral__LookupSchedule__0"] = "00:00:01",
        ["CertCentral__LookupSchedule__1"] = "00:00:02",
        ["Jobs__Lease"] = "00:00:16",
        ["Jobs__Tick"] = "00:00:01",
        ["Jobs__StatusPoll"] = "00:00:02",
    };

    /// <summary>Restarts a part with other environment variables, and waits until it answers.</summary>
    public static async Task RestartAsync(Part part, string? crashAt = null, string? trace = null)
    {
        await part.KillAsync();
        part.Environment["CRASH_AT"] = crashAt;
        part.Environment["CRASH_TRACE"] = trace;
        await part.StartAsync(CancellationToken.None);
    }

    /// <summary>Lets a part run into its point: starts it so, does what leads there, and sees it die of it.</summary>
    public static Task RunAsync(Part part, string point, string hostname, Func<Task> lead) =>
        RunAsync(part, [$"{point}@{hostname}"], lead);

    /// <summary>Lets a part run into several points, each for a name of its own: it dies when all have been reached,
    /// and for each name that is a death at its point.</summary>
    public static async Task RunAsync(Part part, IReadOnlyList<string> points, Func<Task> lead)
    {
        await RestartAsync(part, crashAt: string.Join(',', points));
        using var deadline = new CancellationTokenSource(Deadline, TimeProvider.System);
        var end = part.WaitForExitAsync(deadline.Token);
        try
        {
            await lead();
        }
        catch (HttpRequestException)
        {
            // It died before it could answer: that it did is asserted below. Whether it had accepted is what the
            // invariants look at.
        }

        try
        {
            Assert.Equal(Killed, await end);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"Not all were reached of {string.Join(", ", points)}.");
        }
    }

    /// <summary>The points in a trace that were passed for one name, in order, each once.</summary>
    public static IReadOnlyList<string> PointsOf(string trace, string hostname) => File.ReadLines(trace)
        .Where(line => line.EndsWith("@" + hostname, StringComparison.Ordinal))
        .Select(line => line[..line.IndexOf('@', StringComparison.Ordinal)])
        .Distinct().ToList();

    /// <summary>Switches one of the sandbox's faults on for names that end in <paramref name="suffix"/>.</summary>
    public static async Task SetFaultAsync(Sandbox sandbox, string fault, string suffix, double value = 0)
    {
        using var http = new HttpClient();
        using var answer = await http.PatchAsync(
            $"{sandbox.Url}/sandbox/faults",
            JsonContent.Create(new Dictionary<string, object> { [fault] = new { hostnameSuffix = suffix, value } }));
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Registers a name.</summary>
    public static async Task RegisterAsync(ApiClient api, string hostname) =>
        await api.RegisterAsync(hostname, CancellationToken.None);

    public static async Task<DomainView> FindAsync(ApiClient api, string hostname) =>
        (await api.ListAsync(CancellationToken.None)).Single(domain => domain.Hostname == hostname);
}
