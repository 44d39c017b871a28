using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using ControlPlane.Contracts;
using ControlPlane.Nodes.Publishing;
using ControlPlane.Tests.Audit;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Tests.Nodes.Releases;

public sealed class ExposureTests(RestrictedDatabase database) : IClassFixture<RestrictedDatabase>
{
    /// <summary>Fails when a bundle is listed that the node was not given, one is left out or listed twice, or the list
    /// ends with the node's standing.</summary>
    [Theory]
    [InlineData("retire")]
    [InlineData("ban")]
    public async Task The_exposure_of_a_node_is_what_it_fetched_no_more_and_no_less(string end)
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var (node, mate) = (await app.EnrolAsync("n1", fleet.Name), await app.EnrolAsync("n2", fleet.Name));
        var domains = new List<SeededDomain>();
        foreach (var n in Enumerable.Range(1, 4))
        {
            domains.Add(await app.Rows.DomainAsync(fleet.Id, app.Vault.Add([(byte)n])));
            await app.Rows.ChangeAsync(domains[^1]);
        }

        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        await node.FetchedAsync([domains[2].Id]);
        await node.FetchedAsync([domains[0].Id, domains[2].Id]);
        await mate.FetchedAsync([domains[3].Id]);
        using var ended = await app.AdminAsync(HttpMethod.Post, $"/v1/nodes/{node.Id}/{end}");

        var items = await ExposureAsync(app, node.Id, pageSize: 1);

        Assert.Equal(
            [(domains[2].Bundle.Id, 2), (domains[0].Bundle.Id, 1)],
            items.Select(item => (Guid.Parse($"{item["bundle"]}"), (int)item["releases"]!)));
        var first = items[0];
        Assert.Equal(
            (domains[2].Domain.Hostname, domains[2].Bundle.Serial, domains[2].Bundle.Fingerprint, "true"),
            ($"{first["hostname"]}", $"{first["serial"]}", $"{first["fingerprint"]}", $"{first["inUse"]}"));
        Assert.Null(first["replacedBy"]);
        Assert.True(
            DateTimeOffset.Parse($"{first["firstReleasedAt"]}") < DateTimeOffset.Parse($"{first["lastReleasedAt"]}"));
        Assert.Equal(
            NodeKeys.IdOf(node.SealingKey.ExportSubjectPublicKeyInfo()), $"{first["sealingKey"]}");
        Assert.Equal(
            [domains[3].Bundle.Id],
            (await ExposureAsync(app, mate.Id)).Select(item => Guid.Parse($"{item["bundle"]}")));
    }

    [Fact]
    public async Task A_bundle_of_a_deleted_domain_says_when_its_key_left_the_vault()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var node = await app.EnrolAsync("n1", fleet.Name);
        var seeded = await app.Rows.DomainAsync(fleet.Id, app.Vault.Add([1]));
        await app.Rows.ChangeAsync(seeded);
        await PublishBatch.RunAsync(database.DataSource, app.Clock, default);
        await node.FetchedAsync([seeded.Id]);
        Assert.Null((await ExposureAsync(app, node.Id)).Single()["keyDeletedAt"]);

        await using var command = database.DataSource.CreateCommand(
            "UPDATE orders SET state = 'Canceled', closed_at = now() WHERE bundle_id = $1");
        command.Parameters.Add(new NpgsqlParameter { Value = seeded.Bundle.Id });
        await command.ExecuteNonQueryAsync();

        Assert.NotNull((await ExposureAsync(app, node.Id)).Single()["keyDeletedAt"]);
    }

    /// <summary>Fails when a bundle whose release a restore has forgotten is not on the list of the node that shows
    /// it, is listed twice, or is listed for a domain of another fleet.</summary>
    [Fact]
    public async Task A_bundle_that_a_node_shows_and_whose_release_was_forgotten_is_on_its_exposure()
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var node = await app.EnrolAsync("n1", fleet.Name);
        var (shown, fetched) = (await app.Rows.DomainAsync(fleet.Id), await app.Rows.DomainAsync(
            fleet.Id, app.Vault.Add([1])));
        var foreign = await app.Rows.DomainAsync((await app.Rows.FleetAsync()).Id);
        await app.Rows.ChangeAsync(shown);
        await app.Rows.ChangeAsync(fetched);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        await node.FetchedAsync([fetched.Id]);

        foreach (var _ in Enumerable.Range(1, 2))
        {
            await node.ReportAsync(true, shown.Served(), fetched.Served(), foreign.Served());
        }

        Assert.Equal(
            [(fetched.Bundle.Id, 1), (shown.Bundle.Id, 1)],
            (await ExposureAsync(app, node.Id)).Select(
                item => (Guid.Parse($"{item["bundle"]}"), (int)item["releases"]!)));
        Assert.Equal(
            [(fetched.Bundle.Id, false), (shown.Bundle.Id, true)],
            (await app.Rows.ReadAsync(db => db.BundleReleases.Where(row => row.NodeId == node.Id)
                .OrderBy(row => row.Id).ToListAsync())).Select(row => (row.BundleId, row.Learned)));
    }

    [Fact]
    public async Task An_unknown_node_has_no_exposure_and_a_bad_page_is_refused()
    {
        await using var app = await NodesApp.StartAsync(database);
        var node = await app.EnrolAsync("n1", (await app.Rows.FleetAsync()).Name);
        using var unknown = await app.AdminAsync(HttpMethod.Get, $"/v1/nodes/{Guid.NewGuid()}/exposure");
        using var page = await app.AdminAsync(HttpMethod.Get, $"/v1/nodes/{node.Id}/exposure?limit=201");
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, page.StatusCode);
        Assert.Empty(await ExposureAsync(app, node.Id));
    }

    /// <summary>Fails when the schema lets a release be altered or taken back, even by the tables' owner.</summary>
    [Theory]
    [InlineData("UPDATE bundle_releases SET released_at = now()")]
    [InlineData("DELETE FROM bundle_releases")]
    public async Task A_release_stays_written(string sql)
    {
        await using var app = await NodesApp.StartAsync(database);
        var fleet = await app.Rows.FleetAsync();
        var node = await app.EnrolAsync("n1", fleet.Name);
        var domain = await app.Rows.DomainAsync(fleet.Id, app.Vault.Add([1]));
        await app.Rows.ChangeAsync(domain);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        await node.FetchedAsync([domain.Id]);

        await using var change = database.Owner.CreateCommand(sql);
        var refusal = await Assert.ThrowsAsync<PostgresException>(() => change.ExecuteNonQueryAsync());

        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refusal.SqlState);
        Assert.Equal(1, await app.Rows.ReadAsync(db => db.BundleReleases.CountAsync(row => row.NodeId == node.Id)));
    }

    /// <summary>Every page of the list, in order.</summary>
    internal static async Task<IReadOnlyList<JsonNode>> ExposureAsync(NodesApp app, Guid node, int pageSize = 50)
    {
        var items = new List<JsonNode>();
        var cursor = "";
        do
        {
            using var answer = await app.AdminAsync(
                HttpMethod.Get, $"/v1/nodes/{node}/exposure?limit={pageSize}{cursor}");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            var page = (await answer.Content.ReadFromJsonAsync<JsonNode>())!;
            items.AddRange(page["items"]!.AsArray().Select(item => item!));
            cursor = page["nextCursor"] is { } next ? $"&cursor={next}" : "";
        }
        while (cursor.Length > 0);
        return items;
    }
}
