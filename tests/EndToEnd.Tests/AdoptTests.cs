using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Security.Authentication;
using EndToEnd.Tests.Harness;
using LocalFleet;
using LocalFleet.Parts;
using LocalFleet.Processes;

namespace EndToEnd.Tests;

/// <summary>A fleet that served certificates bought by hand comes under the control plane.</summary>
public sealed class AdoptTests
{
    private const int Nodes = 3;

    /// <summary>Fails when a visitor is turned away or sees another certificate, when anything is bought, when an old
    /// file stays beside its successor, or when a repeat changes something.</summary>
    [Fact]
    public async Task Certificates_bought_by_hand_are_taken_over_as_they_are_and_nothing_is_bought_again()
    {
        var ct = CancellationToken.None;
        await using var test = await TestFleet.StartAsync();
        var names = LocalNames.Samples(test.Fleet.Options.Seed).Take(3).ToList();
        List<BoughtByHand> bought = [];
        foreach (var name in names)
        {
            bought.Add(await BoughtByHand.BuyAsync(test, name, ct));
        }

        await ServeByHandAsync(test, bought, ct);
        var paid = await OrdersAsync(test, names, ct);
        using var done = new CancellationTokenSource();
        var failures = new ConcurrentQueue<string>();
        var visits = ProbeAsync(test, bought, failures, done.Token);
        var certificates = test.Fleet.Haproxies[0].Certificates;

        var (status, table) = await AdoptAsync(test, certificates, code: null, apply: false);
        Assert.Equal(1, status);
        Assert.Contains("3 not-registered", table, StringComparison.Ordinal);
        Assert.Contains($$"""{"hostname":"{{names[0]}}","adopt":true}""", table, StringComparison.Ordinal);

        await RegisterAsync(test, names, ct);
        var code = await OpenAsync(test, ct);
        (status, table) = await AdoptAsync(test, certificates, code, apply: false);
        Assert.Equal((0, true), (status, table.Contains("3 would-adopt", StringComparison.Ordinal)));
        Assert.Equal("awaiting-adoption", (await test.Api.ListAsync(ct))[0].Reason);

        (status, table) = await AdoptAsync(test, certificates, code, apply: true);
        Assert.True(status == 0, table);
        var active = await test.WaitUntilActiveAsync(names);
        Assert.Equal(
            bought.Select(one => (one.Hostname, one.Fingerprint)).Order(),
            active.Select(domain => (domain.Hostname, domain.Fingerprint!)).Order());
        await OldFilesAreGoneAsync(test);
        await done.CancelAsync();
        Assert.True(await visits > 3 * Nodes, "Nobody visited.");
        Assert.Empty(failures);

        (status, table) = await AdoptAsync(test, certificates, code, apply: true);
        Assert.True(status == 0 && table.Contains("3 adopted", StringComparison.Ordinal), table);
        await OrdersAreKnownAsync(test, bought, ct);
        Assert.Equal(paid, await OrdersAsync(test, names, ct));
        Assert.Equal(
            1, (await DatabaseFacts.ReadAsync(test, "SELECT count(*) FROM adoptions", row => row.GetInt32(0), ct))[0]);
        await WrongOnesAreRefusedAsync(test, bought, code);
        await Invariants.CheckAsync(test, ct);
    }

    /// <summary>The three ways in which people lay such files down, and HAProxy started over them.</summary>
    private static async Task ServeByHandAsync(
        TestFleet test, IReadOnlyList<BoughtByHand> bought, CancellationToken ct)
    {
        foreach (var haproxy in test.Fleet.Haproxies)
        {
            await WriteAsync("customer_one.pem", bought[0].Pkcs8 + bought[0].Chain);
            await WriteAsync("customer-two.crt", bought[1].Chain);
            await WriteAsync("customer-two.crt.key", bought[1].Sec1);
            await WriteAsync($"{bought[2].Hostname}.pem", bought[2].Chain + bought[2].Sec1);
            await haproxy.StopAsync();
            await haproxy.StartAsync(ct);

            Task WriteAsync(string name, string text) =>
                File.WriteAllTextAsync(Path.Combine(haproxy.Certificates, name), text, ct);
        }

        for (var node = 1; node <= Nodes; node++)
        {
            foreach (var one in bought)
            {
                Assert.Equal(one.Fingerprint, await test.VisitAsync(node, one.Hostname));
            }
        }

        await Enrolment.WaitUntilServingAsync(test.Fleet, ct);
    }

    private static async Task RegisterAsync(TestFleet test, IReadOnlyList<string> names, CancellationToken ct)
    {
        foreach (var hostname in names)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/domains")
            {
                Content = JsonContent.Create(new { hostname, tenant = "local-fleet", adopt = true }),
            };
            await test.Admin.SendAsync(request, ct);
        }
    }

    private static async Task<string> OpenAsync(TestFleet test, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/adoptions")
        {
            Content = JsonContent.Create(new { }),
        };
        return (await test.Admin.SendAsync(request, ct)).GetProperty("code").GetString()!;
    }

    /// <summary><c>sync-agent adopt</c> on the first node, as a person runs it beside its agent.</summary>
    private static async Task<(int Status, string Said)> AdoptAsync(
        TestFleet test, string directory, string? code, bool apply)
    {
        var file = Path.Combine(test.Fleet.Layout.Root, "adoption-code");
        await File.WriteAllTextAsync(file, code ?? "");
        var (status, output, errors) = await Tool.TryAsync(
            Programs.Own("SyncAgent",
            [
                "adopt",
                "--api", test.Fleet.ControlPlane.Url,
                "--state", new NodePaths(test.Fleet.Layout, 1).State,
                "--directory", directory,
                "--trust", test.Fleet.Layout.RootCertificate,
                .. code is null ? (string[])[] : ["--code-file", file],
                .. apply ? (string[])["--apply"] : [],
            ]),
            CancellationToken.None);
        Assert.DoesNotContain("PRIVATE KEY", output + errors, StringComparison.Ordinal);
        return (status, output + errors);
    }

    /// <summary>Visits every name on every node, over and over; how often it saw what was bought.</summary>
    private static Task<int> ProbeAsync(
        TestFleet test, IReadOnlyList<BoughtByHand> bought, ConcurrentQueue<string> failures, CancellationToken done) =>
        Task.Run(async () =>
        {
            var wanted = bought.Select(one => (one.Hostname, one.Fingerprint)).ToList();
            var visits = 0;
            while (!done.IsCancellationRequested)
            {
                foreach (var (name, node) in wanted.SelectMany(
                    one => Enumerable.Range(1, Nodes).Select(node => (one, node))))
                {
                    try
                    {
                        var seen = await test.VisitAsync(node, name.Hostname);
                        if (seen != name.Fingerprint)
                        {
                            failures.Enqueue($"{name.Hostname} on node {node} showed {seen}.");
                        }

                        visits++;
                    }
                    catch (Exception refused) when (refused is AuthenticationException or IOException
                        or System.Net.Sockets.SocketException or OperationCanceledException)
                    {
                        failures.Enqueue($"{name.Hostname} on node {node}: {refused.Message}");
                    }
                }
            }

            return visits;
        });

    private static async Task OldFilesAreGoneAsync(TestFleet test)
    {
        foreach (var haproxy in test.Fleet.Haproxies)
        {
            await Eventually.TrueAsync(
                () => Task.FromResult(Directory.EnumerateFiles(haproxy.Certificates).Select(Path.GetFileName)
                    .All(name => name!.StartsWith('.') || name.StartsWith("shop.", StringComparison.Ordinal))),
                () => string.Join(", ", Directory.EnumerateFiles(haproxy.Certificates)));
            var memory = await RuntimeSocket.AskAsync(haproxy.AdminSocket, "show ssl cert");
            Assert.DoesNotContain("customer_one", memory, StringComparison.Ordinal);
            Assert.DoesNotContain("customer-two", memory, StringComparison.Ordinal);
            Assert.True(File.Exists(Path.Combine(haproxy.Certificates, ".customer_one.pem.adopted")));
        }
    }

    private static async Task<IReadOnlyList<(string, int)>> OrdersAsync(
        TestFleet test, IReadOnlyList<string> names, CancellationToken ct)
    {
        var live = await SandboxFacts.LiveByNameAsync(test, ct);
        return [.. names.Select(name => (name, live.GetValueOrDefault(name)))];
    }

    /// <summary>By name and serial, so that what follows can be a reissue.</summary>
    private static async Task OrdersAreKnownAsync(
        TestFleet test, IReadOnlyList<BoughtByHand> bought, CancellationToken ct)
    {
        IReadOnlyList<OrderFact> orders = [];
        await Eventually.TrueAsync(
            async () =>
            {
                orders = await DatabaseFacts.OrdersAsync(test, ct);
                return orders.All(order => order.CaOrderId is not null);
            },
            () => string.Join('\n', orders));
        Assert.Equal(
            bought.Select(one => (one.Hostname, one.Order)).Order(),
            orders.Select(order => (order.Hostname, order.CaOrderId!)).Order());
    }

    /// <summary>From a directory of their own: HAProxy would not start over the first.</summary>
    private static async Task WrongOnesAreRefusedAsync(
        TestFleet test, IReadOnlyList<BoughtByHand> bought, string code)
    {
        var directory = Directory.CreateDirectory(Path.Combine(test.Fleet.Layout.Root, "wrong")).FullName;
        var nobodys = await BoughtByHand.BuyAsync(
            test, LocalNames.Samples(test.Fleet.Options.Seed).Skip(10).First(), CancellationToken.None);
        await File.WriteAllTextAsync(Path.Combine(directory, "wrong-key.pem"), bought[0].Chain + bought[1].Pkcs8);
        await File.WriteAllTextAsync(Path.Combine(directory, "nobodys.pem"), nobodys.Chain + nobodys.Pkcs8);

        var (status, table) = await AdoptAsync(test, directory, code, apply: true);

        Assert.Equal(1, status);
        Assert.Matches(@"(?m)^key-mismatch +wrong-key\.pem", table);
        Assert.Matches(@"(?m)^not-registered +nobodys\.pem", table);
        (status, _) = await AdoptAsync(test, directory, "bm90LWEtY29kZS1hdC1hbGwtbm90LWEtY29kZS1hdC0", apply: true);
        Assert.Equal(2, status);
    }
}
