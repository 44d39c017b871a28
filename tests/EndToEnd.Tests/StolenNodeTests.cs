using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;
using EndToEnd.Tests.Harness;
using LocalFleet.Up;

namespace EndToEnd.Tests;

/// <summary>A node is stolen: banned, and every key it could read replaced under the eyes of the visitors.</summary>
public sealed class StolenNodeTests
{
    private const int Count = 5;
    private const int Stolen = 3;
    private static readonly int[] Mates = [1, 2];

    /// <summary>Fails when a name keeps its old bundle, when a visitor of the other nodes is ever turned away, when a
    /// kill in between orders a name twice or forgets one, when an old key stays in the vault, or when an old
    /// certificate is not revoked.</summary>
    [Fact]
    public async Task Every_key_of_a_banned_node_is_replaced_without_a_failed_handshake_though_the_program_is_killed()
    {
        await using var test = await TestFleet.StartAsync(options => options with
        {
            ControlPlaneSettings = Hurried.ControlPlane,
        });
        var before = await test.ActivateAsync(Count);
        var node = await NodeAsync(test);
        using var done = new CancellationTokenSource();
        var failures = new ConcurrentQueue<string>();
        var visits = ProbeAsync(test, [.. before.Select(domain => domain.Hostname)], failures, done.Token);

        await CrashDrill.RunAsync(
            test.Fleet.ControlPlane, "Rekey.commit.Opened", before[1].Hostname,
            () => test.Admin.SendAsync(
                new HttpRequestMessage(HttpMethod.Post, $"/v1/nodes/{node}/ban")
                {
                    Content = JsonContent.Create(new { rekey = true, reason = "A drill." }),
                },
                CancellationToken.None));
        await CrashDrill.RestartAsync(test.Fleet.ControlPlane);
        var rekey = default(JsonElement);
        await Eventually.TrueAsync(
            async () =>
            {
                rekey = await ReadAsync(test, $"/v1/nodes/{node}/rekey");
                return rekey.GetProperty("finishedAt").ValueKind == JsonValueKind.String;
            },
            () => $"{rekey}");

        Assert.Equal((Count, Count), (Number(rekey, "total"), Number(rekey, "replaced")));
        var after = (await test.WaitUntilActiveAsync([.. before.Select(old => old.Hostname)]))
            .ToDictionary(domain => domain.Hostname);
        foreach (var (old, mate) in before.SelectMany(old => Mates.Select(mate => (old, mate))))
        {
            var shown = await test.VisitAsync(mate, old.Hostname);
            Assert.NotEqual(old.Fingerprint, shown);
            Assert.Equal(after[old.Hostname].Fingerprint, shown);
        }

        await done.CancelAsync();
        Assert.True(await visits > Count, "Nobody visited.");
        Assert.Empty(failures);
        await NothingTwiceAsync(test);
        await ExposedAsync(test, node, before);
        await OldKeysAreGoneAsync(test);
    }

    private static async Task<string> NodeAsync(TestFleet test) =>
        (await ReadAsync(test, "/v1/nodes")).GetProperty("items").EnumerateArray()
            .Single(node => node.GetProperty("name").GetString()!.EndsWith($"{Stolen}", StringComparison.Ordinal))
            .GetProperty("id").GetString()!;

    /// <summary>Visits every name on the nodes that stay, over and over; how often it was let in.</summary>
    private static async Task<int> ProbeAsync(
        TestFleet test, string[] names, ConcurrentQueue<string> failures, CancellationToken done)
    {
        var visits = 0;
        while (!done.IsCancellationRequested)
        {
            foreach (var (name, mate) in names.SelectMany(name => Mates.Select(mate => (name, mate))))
            {
                try
                {
                    await test.VisitAsync(mate, name);
                    visits++;
                }
                catch (Exception refused)
                {
                    failures.Enqueue($"{name} on node {mate}: {refused.Message}");
                }

                // The drill needs the two cores, too.
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, CancellationToken.None);
            }
        }

        return visits;
    }

    private static async Task NothingTwiceAsync(TestFleet test)
    {
        var orders = await DatabaseFacts.OrdersAsync(test, CancellationToken.None);
        Assert.All(orders.GroupBy(order => order.DomainId), of => Assert.Equal(
            ["Superseded", "Active"], of.Select(order => order.State)));
        var live = await SandboxFacts.LiveByNameAsync(test, CancellationToken.None);
        // Each replacement is a reissue under the order there is.
        Assert.All(live.Values, count => Assert.Equal(1, count));
        EventTrail.Check(orders, await DatabaseFacts.EventsAsync(test, CancellationToken.None));
    }

    /// <summary>What the stolen node had fetched is listed, with what took its place, and none of the new bundles; and
    /// the CA has revoked all of it.</summary>
    private static async Task ExposedAsync(TestFleet test, string node, IReadOnlyList<DomainView> before)
    {
        var exposed = (await ReadAsync(test, $"/v1/nodes/{node}/exposure")).GetProperty("items").EnumerateArray()
            .ToList();
        Assert.Equal(
            before.Select(domain => domain.Fingerprint!).Order(),
            exposed.Select(item => item.GetProperty("fingerprint").GetString()!).Order());
        Assert.All(exposed, item =>
        {
            Assert.False(item.GetProperty("inUse").GetBoolean());
            Assert.Equal(JsonValueKind.Object, item.GetProperty("replacedBy").ValueKind);
        });
        string[] serials = [.. exposed.Select(item => item.GetProperty("serial").GetString()!)];
        await Eventually.TrueAsync(
            async () => await SandboxFacts.RevokedAsync(test, serials, CancellationToken.None) == serials.Length,
            () => "A certificate whose key the stolen node has is not revoked.");
    }

    private static Task OldKeysAreGoneAsync(TestFleet test) => Eventually.TrueAsync(
        async () =>
        {
            var keys = await DatabaseFacts.ReadAsync(
                test,
                """
                SELECT orders.state, vault_keys.deleted_at IS NOT NULL
                FROM orders JOIN vault_keys ON vault_keys.id = orders.key_id
                """,
                row => (State: row.GetString(0), IsDeleted: row.GetBoolean(1)),
                CancellationToken.None);
            Assert.All(keys.Where(key => key.State == "Active"), key => Assert.False(key.IsDeleted));
            return keys.Count(key => key.State == "Superseded" && key.IsDeleted) == Count;
        },
        () => "Old keys are still in the vault.");

    private static int Number(JsonElement rekey, string name) => rekey.GetProperty(name).GetInt32();

    private static async Task<JsonElement> ReadAsync(TestFleet test, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        return await test.Admin.SendAsync(request, CancellationToken.None);
    }
}
