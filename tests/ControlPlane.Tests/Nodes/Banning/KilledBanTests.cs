using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using ControlPlane.Contracts;
using ControlPlane.Contracts.Sealing;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http.Access;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Banning;
using ControlPlane.Nodes.Enrolling;
using ControlPlane.Nodes.Publishing;
using ControlPlane.Tests.Audit;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Nodes.Banning;

/// <summary>The program dies of SIGKILL in the middle of a ban.</summary>
public sealed class KilledBanTests(RestrictedDatabase database)
    : IClassFixture<RestrictedDatabase>, IDbContextFactory<ControlPlaneDb>
{
    private const int Count = 4;

    ControlPlaneDb IDbContextFactory<ControlPlaneDb>.CreateDbContext() => database.Open();

    /// <summary>Fails when what to replace stays unlisted after a kill, when order and row are not one transaction, or
    /// when a restart begins anew instead of going on.</summary>
    [Theory]
    [InlineData("Ban.commit.Banned")]
    [InlineData("Rekey.commit.Opened")]
    public async Task A_kill_in_the_middle_of_a_ban_leaves_every_bundle_to_its_readers_and_no_order_is_opened_twice(
        string point)
    {
        await using var program = new ControlPlaneProcess(database);
        await program.StartAsync(crashAt: point);
        var rows = new FleetRows(database);
        var fleet = await rows.FleetAsync();
        var (stolen, mate) = (await EnrolAsync(program, "stolen", fleet), await EnrolAsync(program, "mate", fleet));
        var keys = await SeedAsync(program, rows, fleet);
        Assert.Equal(Count, (await stolen.FetchedAsync([.. keys.Keys])).Bundles.Count);

        try
        {
            using var ban = await AdminAsync(program, $"/v1/nodes/{stolen.Id}/ban", new { rekey = true });
            Assert.Equal(HttpStatusCode.OK, ban.StatusCode);
        }
        catch (HttpRequestException)
        {
            // It died before it could answer.
            Assert.Equal("Ban.commit.Banned", point);
        }

        Assert.Equal(ControlPlaneProcess.Killed, await program.DeathAsync());
        var openedBefore = await rows.ReadAsync(db => db.Replacements.CountAsync(row =>
            row.NodeId == stolen.Id && row.State == ReplacementState.Ordered));
        Assert.Equal(point == "Rekey.commit.Opened" ? 1 : 0, openedBefore);
        await program.StartAsync();

        // The job engine gives a dead replica's sweeps to another one after about 20 s.
        await ControlPlane.Tests.Eventually.TrueAsync(
            () => rows.ReadAsync(async db => Count == await db.Replacements.CountAsync(row =>
                row.NodeId == stolen.Id && row.State == ReplacementState.Ordered)),
            "an order for each exposed bundle");
        foreach (var domain in keys.Keys)
        {
            Assert.Equal(2, await rows.ReadAsync(db => db.Orders.CountAsync(row => row.DomainId == domain)));
        }

        using var refused = await stolen.FetchAsync([.. keys.Keys]);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        var opened = (await mate.FetchedAsync([.. keys.Keys])).Bundles.ToDictionary(
            bundle => bundle.Domain, bundle => Open(mate, fleet, bundle));
        Assert.Equal(Count, opened.Count);
        Assert.All(opened, found => Assert.Equal(keys[found.Key], found.Value));
        Assert.Equal(Count, await rows.ReadAsync(db => db.BundleReleases.CountAsync(row => row.NodeId == stolen.Id)));
    }

    /// <summary>Served domains with their keys in the program's own vault: domain → key.</summary>
    private async Task<Dictionary<Guid, byte[]>> SeedAsync(ControlPlaneProcess program, FleetRows rows, Fleet fleet)
    {
        var vault = new PostgresVault(this, LocalKeyFile.Load(program.KeyFile), TimeProvider.System);
        var keys = new Dictionary<Guid, byte[]>();
        for (var n = 0; n < Count; n++)
        {
            var key = RandomNumberGenerator.GetBytes(120);
            using var sealedKey = new PrivateKey([.. key], SHA256.HashData(key));
            var id = await vault.SealAsync(sealedKey, Guid.NewGuid(), Guid.NewGuid(), default);
            var domain = await rows.DomainAsync(fleet.Id, id, DomainStatus.Active);
            await rows.ChangeAsync(domain);
            keys.Add(domain.Id, key);
        }

        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        return keys;
    }

    private async Task<TestNode> EnrolAsync(ControlPlaneProcess program, string name, Fleet fleet)
    {
        using var answer = await AdminAsync(program, "/v1/nodes/join-codes", new { fleet = fleet.Name });
        var node = new TestNode(program.Http, TimeProvider.System, name);
        await node.EnrolAsync((await answer.Content.ReadFromJsonAsync<CreatedJoinCode>())!.Code);
        return node;
    }

    private async Task<HttpResponseMessage> AdminAsync(ControlPlaneProcess program, string path, object body)
    {
        await using var db = database.Open();
        var (_, secret) = await Keys.AddAsync(
            db, ApiRole.Admin, null, new CreateKey("tests"), DateTimeOffset.UnixEpoch);
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", secret.Reveal());
        return await program.Http.SendAsync(request);
    }

    private static byte[] Open(TestNode node, Fleet fleet, SealedBundle bundle) => Hpke.Open(
        node.SealingKey, bundle.Encapsulation, SealBinding.HpkeInfo,
        new SealBinding(fleet.Id, node.Id, bundle.SealingKey, bundle.Domain, bundle.Bundle, bundle.Fingerprint)
            .ToAdditionalData(),
        bundle.SealedKey);
}
