using System.Net;
using System.Security.Cryptography;
using ControlPlane.Contracts;
using ControlPlane.Contracts.Sealing;
using ControlPlane.Nodes.Publishing;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Nodes.Releases;

public sealed class FetchBundlesTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    [Fact]
    public async Task A_node_gets_what_its_own_fleet_wants_sealed_for_it_alone_and_recorded()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (mine, theirs) = (await app.Rows.FleetAsync(), await app.Rows.FleetAsync());
        var node = await app.EnrolAsync("n1", mine.Name);
        byte[] key = [1, 2, 3, 4, 5];
        var wanted = await app.Rows.DomainAsync(mine.Id, app.Vault.Add(key));
        var foreign = await app.Rows.DomainAsync(theirs.Id, app.Vault.Add([9]));
        var unpublished = await app.Rows.DomainAsync(mine.Id, app.Vault.Add([8]));
        await app.Rows.ChangeAsync(wanted);
        await app.Rows.ChangeAsync(foreign);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);

        var answer = await node.FetchedAsync([wanted.Id, foreign.Id, unpublished.Id, wanted.Id]);

        var bundle = Assert.Single(answer.Bundles);
        var binding = new SealBinding(
            mine.Id, node.Id, bundle.SealingKey, wanted.Id, wanted.Bundle.Id, wanted.Bundle.Fingerprint);
        Assert.Equal(key, Open(node.SealingKey, bundle, binding));
        Assert.Throws<AuthenticationTagMismatchException>(() =>
            Open(node.SealingKey, bundle, binding with { Domain = foreign.Id }));
        Assert.Equal([foreign.Id, unpublished.Id], answer.Missing);
        Assert.Equal([[1, 2], [3]], answer.Chains[bundle.Chain]);
        Assert.Empty((await node.FetchedAsync([wanted.Id], bundle.Chain)).Chains);

        var released = await app.Rows.ReadAsync(rows =>
            rows.BundleReleases.Where(row => row.NodeId == node.Id).ToListAsync());
        Assert.Equal([wanted.Bundle.Id, wanted.Bundle.Id], released.Select(row => row.BundleId));
        Assert.All(released, row => Assert.Equal(bundle.SealingKey, row.SealingKeyId));
    }

    [Fact]
    public async Task Nothing_leaves_that_could_not_be_recorded()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (fleet, node, domain) = await PublishedAsync(app);
        await using var db = database.Open();
        await using var transaction = await db.Database.BeginTransactionAsync();
        await db.Database.ExecuteSqlRawAsync("LOCK TABLE bundle_releases IN EXCLUSIVE MODE");

        var fetch = node.FetchAsync([domain.Id]);
        await Eventually.TrueAsync(IsWaitingForTheTableAsync);
        Assert.False(fetch.IsCompleted);

        await transaction.CommitAsync();
        using var answer = await fetch.WaitAsync(Eventually.Deadline);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(1, await ReleasesAsync(app, node));
    }

    [Fact]
    public async Task A_vault_that_is_away_releases_nothing_and_says_when_to_come_back()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (_, node, domain) = await PublishedAsync(app);
        app.Vault.Away = true;

        using var answer = await node.FetchAsync([domain.Id]);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.NotNull(answer.Headers.RetryAfter);
        Assert.Equal(0, await ReleasesAsync(app, node));
    }

    [Fact]
    public async Task One_key_that_does_not_open_holds_back_no_other()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (fleet, node, domain) = await PublishedAsync(app);
        var broken = await app.Rows.DomainAsync(fleet);
        await app.Rows.ChangeAsync(broken);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);

        var answer = await node.FetchedAsync([broken.Id, domain.Id]);

        Assert.Equal(domain.Id, Assert.Single(answer.Bundles).Domain);
        Assert.Equal([broken.Id], answer.Missing);
    }

    [Fact]
    public async Task A_node_past_its_minutes_releases_waits()
    {
        await using var app = await NodesApp.StartAsync(database, "Nodes:ReleasesPerMinute=2");
        var (_, node, domain) = await PublishedAsync(app);
        await node.FetchedAsync([domain.Id]);
        await node.FetchedAsync([domain.Id]);

        using var refused = await node.FetchAsync([domain.Id]);
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.NotNull(refused.Headers.RetryAfter);

        app.Clock.Advance(TimeSpan.FromSeconds(61));
        await node.FetchedAsync([domain.Id]);
        Assert.Equal(3, await ReleasesAsync(app, node));
    }

    [Fact]
    public async Task Requests_at_once_open_no_more_keys_than_the_minute_allows()
    {
        await using var app = await NodesApp.StartAsync(database, "Nodes:ReleasesPerMinute=5");
        var (fleet, node, first) = await PublishedAsync(app);
        var asked = new List<Guid> { first.Id };
        for (var more = 0; more < 4; more++)
        {
            var domain = await app.Rows.DomainAsync(fleet, app.Vault.Add([1, 2, 3]));
            await app.Rows.ChangeAsync(domain);
            asked.Add(domain.Id);
        }

        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        await using var db = database.Open();
        await using var transaction = await db.Database.BeginTransactionAsync();
        await db.Database.ExecuteSqlAsync(
            $"SELECT pg_advisory_xact_lock(hashtextextended('release:' || {node.Id}::text, 0))");

        var fetches = Enumerable.Range(0, 4).Select(_ => node.FetchAsync(asked)).ToArray();
        await Eventually.TrueAsync(async () => await WaitingForTheirTurnAsync() == fetches.Length);
        await transaction.CommitAsync();
        var answers = await Task.WhenAll(fetches).WaitAsync(Eventually.Deadline);

        Assert.Single(answers, answer => answer.StatusCode == HttpStatusCode.OK);
        Assert.Equal(3, answers.Count(answer => answer.StatusCode == HttpStatusCode.TooManyRequests));
        Assert.Equal(asked.Count, await ReleasesAsync(app, node));
        // One of each request, to see that the vault answers.
        Assert.Equal(fetches.Length + asked.Count, app.Vault.Opened);
        foreach (var answer in answers)
        {
            answer.Dispose();
        }
    }

    [Fact]
    public async Task More_than_200_domains_at_once_are_refused()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (_, node, _) = await PublishedAsync(app);
        using var answer = await node.FetchAsync(Enumerable.Range(0, 201).Select(_ => Guid.NewGuid()).ToList());
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    private static async Task<(Guid Fleet, TestNode Node, SeededDomain Domain)> PublishedAsync(NodesApp app)
    {
        var fleet = await app.Rows.FleetAsync();
        var node = await app.EnrolAsync("n1", fleet.Name);
        var domain = await app.Rows.DomainAsync(fleet.Id, app.Vault.Add([1, 2, 3]));
        await app.Rows.ChangeAsync(domain);
        await PublishBatch.RunAsync(
            (Npgsql.NpgsqlDataSource)app.App.Services.GetService(typeof(Npgsql.NpgsqlDataSource))!,
            TimeProvider.System, default);
        return (fleet.Id, node, domain);
    }

    private static byte[] Open(ECDiffieHellman key, SealedBundle bundle, SealBinding binding) => Hpke.Open(
        key, bundle.Encapsulation, SealBinding.HpkeInfo, binding.ToAdditionalData(), bundle.SealedKey);

    private static Task<int> ReleasesAsync(NodesApp app, TestNode node) =>
        app.Rows.ReadAsync(rows => rows.BundleReleases.CountAsync(row => row.NodeId == node.Id));

    private async Task<long> WaitingForTheirTurnAsync()
    {
        await using var command = database.DataSource.CreateCommand(
            """
            SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private async Task<bool> IsWaitingForTheTableAsync()
    {
        await using var command = database.DataSource.CreateCommand(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE relation = 'bundle_releases'::regclass AND NOT granted)");
        return await command.ExecuteScalarAsync() is true;
    }
}
