using System.Net.Http.Json;
using System.Text;
using EndToEnd.Tests.Harness;
using LocalFleet;
using LocalFleet.Processes;
using Npgsql;

namespace EndToEnd.Tests;

/// <summary>The private keys that the nodes serve are the canaries: they are looked for everywhere else.</summary>
public sealed class CanaryTests
{
    [Fact]
    public async Task A_private_key_is_on_the_nodes_and_nowhere_else()
    {
        await using var test = await TestFleet.StartAsync(options => options with
        {
            // The most talkative setting is the one that would give a key away.
            ControlPlaneSettings = new Dictionary<string, string?>
            {
                ["Logging__LogLevel__Default"] = "Trace",
                ["Logging__LogLevel__Microsoft"] = "Trace",
                ["Logging__LogLevel__Npgsql"] = "Trace",
            },
        });
        await RegisterWithRsaAsync(test, "rsa.customers.example");
        await test.RegisterAsync("gone.customers.example");
        var active = await test.RegisterAsync("stays.customers.example");
        var domains = await test.WaitUntilActiveAsync(3);
        var keys = domains.Select(domain => SecretNeedles.Of(File.ReadAllText(FileOf(test, domain.Hostname)))).ToList();

        // The search can find what it looks for: in the one file where the key belongs, and in its PEM copied
        // elsewhere.
        Assert.All(
            domains.Zip(keys),
            pair => Assert.True(pair.Second.AreIn(File.ReadAllBytes(FileOf(test, pair.First.Hostname)))));
        Assert.False(keys[0].AreIn(File.ReadAllBytes(FileOf(test, domains[1].Hostname))));

        // A deletion goes through every part once more.
        await test.Api.DeleteAsync(
            domains.Single(domain => domain.Hostname == "gone.customers.example").Id, CancellationToken.None);
        await Invariants.CheckAsync(test, CancellationToken.None);
        var answers = await ApiWalk.ReadAllAsync(test, CancellationToken.None);
        var places = answers.Concat(Files(test)).Append(("the database's dump", await DumpAsync(test))).ToList();

        Assert.Contains(
            answers,
            answer => answer.Place.Contains($"admin GET /v1/domains/{active.Id} 200", StringComparison.Ordinal));
        Assert.Contains(places, place => place.Item1.EndsWith("control-plane.log", StringComparison.Ordinal));
        var leaks = places.Where(place => keys.Any(key => key.AreIn(place.Item2))).Select(place => place.Item1);
        Assert.Empty(leaks);
        var talkative = Directory.EnumerateFiles(test.Fleet.Layout.Logs)
            .Where(log => ReadShared(log).AsSpan().IndexOf("PRIVATE KEY"u8) >= 0);
        Assert.Empty(talkative);
    }

    private static async Task RegisterWithRsaAsync(TestFleet test, string hostname)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/domains");
        request.Headers.Add("Idempotency-Key", "canary");
        request.Content = JsonContent.Create(new { hostname, keyAlgorithm = "rsa2048" });
        await test.Api.SendAsync(request, CancellationToken.None);
    }

    /// <summary>Everything the fleet has written, but the files that HAProxy serves from: logs, token store, the
    /// sandbox's and the agents' state.</summary>
    private static IEnumerable<(string Place, byte[] Content)> Files(TestFleet test) =>
        Directory.EnumerateFiles(test.Fleet.Layout.Root, "*", SearchOption.AllDirectories)
            .Where(file => !test.Fleet.Haproxies.Any(
                haproxy => Path.GetDirectoryName(file) == haproxy.Certificates
                    && file.EndsWith(".pem", StringComparison.Ordinal)))
            .Where(file => File.GetUnixFileMode(file) != UnixFileMode.None && new FileInfo(file).Length > 0)
            .Select(file => (file, ReadShared(file)));

    private static byte[] ReadShared(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var content = new MemoryStream();
        stream.CopyTo(content);
        return content.ToArray();
    }

    /// <summary>A dump as an operator would take one; it shows bytea columns in hexadecimal.</summary>
    private static async Task<byte[]> DumpAsync(TestFleet test)
    {
        var at = new NpgsqlConnectionStringBuilder(test.Fleet.Postgres.ConnectionString);
        var dump = new ChildStart(
            Path.Combine(Programs.Postgres, "pg_dump"),
            ["--host", at.Host!, "--port", $"{at.Port}", "--username", at.Username!, "--dbname", at.Database!])
        {
            Environment = new Dictionary<string, string?> { ["PGPASSWORD"] = at.Password },
        };
        var text = await Tool.RunAsync(dump, CancellationToken.None);
        Assert.Contains("stays.customers.example", text);
        return Encoding.UTF8.GetBytes(text);
    }

    private static string FileOf(TestFleet test, string hostname) =>
        Path.Combine(test.Fleet.Haproxies[0].Certificates, hostname + ".pem");
}
