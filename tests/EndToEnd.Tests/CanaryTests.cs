using System.Net.Http.Json;
using System.Text;
using EndToEnd.Tests.Harness;
using LocalFleet;
using LocalFleet.Processes;
using Npgsql;

namespace EndToEnd.Tests;

/// <summary>The threat "keys in memory, logs, dumps": the private keys that the nodes serve, and every credential that
/// the fleet works with, are the canaries. They are looked for everywhere but where they belong.</summary>
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
        string[] names = ["rsa.customers.example", "gone.customers.example", "stays.customers.example"];
        await RegisterWithRsaAsync(test, names[0]);
        await test.RegisterAsync(names[1]);
        var active = await test.RegisterAsync(names[2]);
        var domains = await test.WaitUntilActiveAsync(names);
        var keys = domains.Select(domain => SecretNeedles.Of(File.ReadAllText(FileOf(test, domain.Hostname)))).ToList();

        var credentials = await CredentialsAsync(test);

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

        Assert.All(credentials, secret => Assert.True(
            secret.Home is null || secret.Needles.AreIn(File.ReadAllBytes(secret.Home)), secret.Name));
        Assert.Empty(
            from place in places
            from secret in credentials
            where place.Item1 != secret.Home && secret.Needles.AreIn(place.Item2)
            select $"the {secret.Name} is in {place.Item1}");
        await TrailIsWholeAsync(test);
    }

    /// <summary>Everything that opens something, with the one file where it belongs. A join code belongs nowhere: it is
    /// made, used and refused here.</summary>
    private static async Task<IReadOnlyList<(string Name, string? Home, SecretNeedles Needles)>> CredentialsAsync(
        TestFleet test)
    {
        var layout = test.Fleet.Layout;
        using var make = new HttpRequestMessage(HttpMethod.Post, "/v1/nodes/join-codes");
        make.Content = JsonContent.Create(new { });
        var code = (await test.Admin.SendAsync(make, CancellationToken.None)).GetProperty("code").GetString()!;
        using var http = new HttpClient { BaseAddress = new Uri(test.Fleet.ControlPlane.Url) };
        using var refused = await http.PostAsJsonAsync(
            "/v1/nodes/enroll",
            new
            {
                joinCode = code,
                name = "x",
                signingKey = "",
                sealingKey = "",
                httpEndpoint = "",
                agentVersion = "",
            });
        Assert.False(refused.IsSuccessStatusCode);
        string[] files =
            [layout.PortalKey, layout.AdminKey, layout.SandboxKey, layout.VaultKey, layout.DatabasePassword];
        return
        [
            ("join code", null, SecretNeedles.OfText(code)),
            .. files.Select(file =>
                (Path.GetFileName(file), (string?)file, SecretNeedles.OfText(File.ReadAllText(file).Trim()))),
        ];
    }

    /// <summary>The whole life ran under the restricted role, and left a trail that holds.</summary>
    private static async Task TrailIsWholeAsync(TestFleet test)
    {
        var said = await test.Fleet.ControlPlane.RunAsync(["audit", "verify"], CancellationToken.None);
        Assert.Contains("are whole", said, StringComparison.Ordinal);
        var refusal = await Assert.ThrowsAsync<PostgresException>(async () =>
        {
            await using var program = NpgsqlDataSource.Create(test.Fleet.Postgres.ConnectionString + ";Pooling=false");
            await using var command = program.CreateCommand("DELETE FROM bundle_releases");
            await command.ExecuteNonQueryAsync();
        });
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refusal.SqlState);
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
        var at = new NpgsqlConnectionStringBuilder(test.Fleet.Postgres.OwnerConnectionString);
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
