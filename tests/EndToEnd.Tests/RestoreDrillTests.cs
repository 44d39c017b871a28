using System.Net;
using System.Net.Http.Json;
using System.Security.Authentication;
using System.Text.Json;
using ControlPlane.Dns;
using EndToEnd.Tests.Harness;
using LocalFleet.Processes;
using LocalFleet.Up;

namespace EndToEnd.Tests;

/// <summary>
/// The database is put back to an older moment, as files, so that cluster and timeline are the same and only the nodes
/// can tell. What came after that moment was a registration, a deletion, and an order that was still waiting for DNS.
/// </summary>
public sealed class RestoreDrillTests
{
    private const string Late = "shop.late-comer.customers.example";
    private const string Waiting = "shop.waiting-for-dns.example";

    [Fact]
    public async Task A_database_put_back_to_an_older_moment_costs_no_handshake_no_key_and_no_second_order()
    {
        await using var test = await TestFleet.StartAsync(options => options with
        {
            ControlPlaneSettings = Hurried.ControlPlane,
        });
        var early = await test.ActivateAsync(3);
        var waiting = await test.RegisterAsync(Waiting);
        await Eventually.TrueAsync(
            async () => (await FindAsync(test, Waiting))?.Reason == "dns-not-there", () => "It does not wait for DNS.");
        using var backup = await Backup.TakeAsync(test);

        test.Fleet.Dns.Table.Set(Waiting, new AddressRecord(Waiting, 5, IPAddress.Loopback));
        await CheckAsync(test, waiting.Id);
        await test.Api.RegisterAsync(Late, CancellationToken.None);
        await test.Api.DeleteAsync(early[0].Id, CancellationToken.None);
        await Eventually.TrueAsync(
            async () => await FindAsync(test, Waiting) is { IsActive: true }
                && await FindAsync(test, Late) is { IsActive: true }
                && await FindAsync(test, early[0].Hostname) is null or { Status: "deleted" },
            () => "What comes after the backup is not done.");
        var late = (await FindAsync(test, Late))!;

        await using var prober = new Prober(test, [early[1].Hostname, early[2].Hostname, Late, Waiting]);
        await backup.RestoreAsync(test);
        await CheckAsync(test, waiting.Id);
        await ToldAsync(test, late);
        var after = await ActiveAgainAsync(test, [.. early.Select(domain => domain.Hostname), Waiting]);
        Assert.Empty(await prober.StopAsync());

        await NothingBoughtTwiceAsync(test, adopted: 1);
        foreach (var domain in early)
        {
            // Deleted after the backup: it is back, with its key out of the vault.
            Assert.Equal(domain.Fingerprint, after.Single(found => found.Hostname == domain.Hostname).Fingerprint);
            for (var node = 1; node <= test.Fleet.Options.Nodes; node++)
            {
                Assert.Equal(domain.Fingerprint, await test.VisitAsync(node, domain.Hostname));
                Assert.Equal(late.Fingerprint, await test.VisitAsync(node, Late));
            }
        }

        await VouchAsync(test, Late);
        await ActiveAgainAsync(test, [.. early.Select(domain => domain.Hostname), Waiting, Late]);
        await NothingBoughtTwiceAsync(test, adopted: 2);
        EventTrail.Check(
            await DatabaseFacts.OrdersAsync(test, CancellationToken.None),
            await DatabaseFacts.EventsAsync(test, CancellationToken.None));
    }

    /// <summary>The fleet's view says when and why; the strays name what was forgotten.</summary>
    private static async Task ToldAsync(TestFleet test, DomainView late)
    {
        var fleet = default(JsonElement);
        var strays = default(JsonElement);
        await Eventually.TrueAsync(
            async () =>
            {
                fleet = (await ReadAsync(test, "/v1/fleets")).GetProperty("items")[0];
                strays = (await ReadAsync(test, $"/v1/fleets/{fleet.GetProperty("id").GetString()}/strays"))
                    .GetProperty("items");
                return strays.EnumerateArray().Any(stray => stray.GetProperty("hostname").GetString() == Late
                    && stray.GetProperty("nodes").GetArrayLength() == test.Fleet.Options.Nodes
                    && stray.GetProperty("caOrders").GetArrayLength() == 1);
            },
            () => $"Not told: {fleet} {strays}");
        Assert.Equal(2, fleet.GetProperty("epoch").GetInt64());
        var raised = fleet.GetProperty("raised");
        Assert.Equal("nodeAhead", raised.GetProperty("cause").GetString());
        Assert.Equal(
            raised.GetProperty("at").GetDateTimeOffset().AddDays(7),
            raised.GetProperty("collectAfter").GetDateTimeOffset());
        var stray = strays.EnumerateArray().Single(row => row.GetProperty("hostname").GetString() == Late);
        Assert.Equal(late.Fingerprint, Assert.Single(stray.GetProperty("fingerprints").EnumerateArray()).GetString());
        Assert.Single(await DatabaseFacts.ReadAsync(
            test, "SELECT message FROM events WHERE type = 'fleet.epoch-raised'", row => row.GetString(0), default));
    }

    private static async Task<IReadOnlyList<DomainView>> ActiveAgainAsync(TestFleet test, IReadOnlyList<string> names)
    {
        IReadOnlyList<DomainView> domains = [];
        await Eventually.TrueAsync(
            async () =>
            {
                domains = await test.Api.ListAsync(CancellationToken.None);
                return domains.Count == names.Count && domains.All(domain => domain.IsActive);
            },
            () => string.Join('\n', domains.Select(d => $"{d.Hostname}: {d.Status}, {d.Reason}, {d.Detail}")));
        Assert.Equal(names.Order(), domains.Select(domain => domain.Hostname).Order());
        return domains;
    }

    /// <summary>One order for each name, that of the forgotten registration among them; none of them is
    /// pending.</summary>
    private static async Task NothingBoughtTwiceAsync(TestFleet test, int adopted)
    {
        var bought = await SandboxFacts.LiveByNameAsync(test, CancellationToken.None);
        Assert.Equal(5, bought.Count);
        Assert.All(bought, name => Assert.True(name.Value == 1, $"{name.Key}: {name.Value} live at the CA"));
        Assert.Empty(await SandboxFacts.PendingNamesAsync(test, CancellationToken.None));
        var events = await DatabaseFacts.EventsAsync(test, CancellationToken.None);
        Assert.Equal(adopted, events.Count(told => told.Type == "ca-order.adopted"));
    }

    private static async Task CheckAsync(TestFleet test, string id)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/v1/domains/{id}/check");
        await test.Api.SendAsync(request, CancellationToken.None);
    }

    /// <summary>As the README's "After a restore" has it: an operator tells whose the forgotten name was.</summary>
    private static async Task VouchAsync(TestFleet test, string hostname)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/domains");
        request.Content = JsonContent.Create(new { hostname, tenant = "local-fleet" });
        await test.Admin.SendAsync(request, CancellationToken.None);
    }

    private static async Task<JsonElement> ReadAsync(TestFleet test, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        return await test.Admin.SendAsync(request, CancellationToken.None);
    }

    private static async Task<DomainView?> FindAsync(TestFleet test, string name) =>
        (await test.Api.ListAsync(CancellationToken.None)).LastOrDefault(domain => domain.Hostname == name);

    /// <summary>A copy of the stopped cluster's files: the honest kind of restore, which nothing in the database
    /// shows.</summary>
    private sealed class Backup(string data, string copy) : IDisposable
    {
        public static async Task<Backup> TakeAsync(TestFleet test)
        {
            var data = Path.Combine(test.Fleet.Layout.Database, "data");
            var backup = new Backup(data, data + ".backup");
            await WhileStoppedAsync(test, () => CopyAsync(backup.Data, backup.Copy));
            return backup;
        }

        private string Data => data;

        private string Copy => copy;

        public Task RestoreAsync(TestFleet test) => WhileStoppedAsync(test, async () =>
        {
            Directory.Delete(Data, recursive: true);
            await CopyAsync(Copy, Data);
        });

        public void Dispose() => Directory.Delete(Copy, recursive: true);

        private static async Task WhileStoppedAsync(TestFleet test, Func<Task> work)
        {
            await test.Fleet.ControlPlane.StopAsync();
            await test.Fleet.Postgres.StopAsync();
            await work();
            await test.Fleet.Postgres.StartAsync(CancellationToken.None);
            await test.Fleet.ControlPlane.StartAsync(CancellationToken.None);
        }

        private static Task CopyAsync(string from, string to) =>
            Tool.RunAsync(new ChildStart("/bin/cp", ["-a", from, to]), CancellationToken.None);
    }

    /// <summary>A visitor of every name on every node, without a pause.</summary>
    private sealed class Prober : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly List<string> _failures = [];
        private readonly Task _probing;

        public Prober(TestFleet test, IReadOnlyList<string> names) =>
            _probing = Task.Run(() => ProbeAsync(test, names));

        public async Task<IReadOnlyList<string>> StopAsync()
        {
            await _stop.CancelAsync();
            await _probing;
            return _failures;
        }

        public async ValueTask DisposeAsync()
        {
            await StopAsync();
            _stop.Dispose();
        }

        private async Task ProbeAsync(TestFleet test, IReadOnlyList<string> names)
        {
            for (var round = 0; !_stop.IsCancellationRequested; round++)
            {
                var (name, node) = (names[round % names.Count], (round / names.Count % test.Fleet.Options.Nodes) + 1);
                try
                {
                    await test.VisitAsync(node, name);
                }
                catch (Exception refused)
                    when (refused is AuthenticationException or IOException or OperationCanceledException)
                {
                    _failures.Add($"{name} on node {node}: {refused.Message}");
                }

                // A tenth of a second: the drill needs the two cores, too.
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
            }
        }
    }
}
