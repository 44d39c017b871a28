using System.Net;
using System.Security.Cryptography;
using ControlPlane.Contracts;
using ControlPlane.Contracts.Sealing;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Publishing;

namespace ControlPlane.Tests.Nodes.Releases;

/// <summary>Threat: a stolen agent credential. What a thief gets who has a node's keys and everything that was ever
/// said on the wire, to whomever.</summary>
public sealed class StolenNodeTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    /// <summary>Fails when a seal opens for another node than it was made for, when another fleet's bundle is given
    /// out, when something is readable that the exposure does not list, or when a banned thief gets anything
    /// new.</summary>
    [Fact]
    public async Task A_stolen_agent_credential_reads_the_bundles_on_its_exposure_and_nothing_else()
    {
        await using var app = await NodesApp.StartAsync(database);
        var (mine, theirs) = (await app.Rows.FleetAsync(), await app.Rows.FleetAsync());
        var stolen = await app.EnrolAsync("n1", mine.Name);
        var mate = await app.EnrolAsync("n2", mine.Name);
        var stranger = await app.EnrolAsync("n3", theirs.Name);
        var keys = new Dictionary<Guid, byte[]>();
        var (read, asked, matesOnly) =
            (await SeedAsync(app, mine, keys), await SeedAsync(app, mine, keys), await SeedAsync(app, mine, keys));
        var foreign = await SeedAsync(app, theirs, keys);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        List<SealedBundle> overheard =
        [
            .. (await mate.FetchedAsync([read.Id, asked.Id, matesOnly.Id])).Bundles,
            .. (await stranger.FetchedAsync([foreign.Id])).Bundles,
            .. (await stolen.FetchedAsync([read.Id])).Bundles,
        ];

        // The thief asks as the node, for whatever he has heard of.
        overheard.AddRange((await stolen.FetchedAsync([asked.Id, foreign.Id])).Bundles);
        using var ban = await app.AdminAsync(HttpMethod.Post, $"/v1/nodes/{stolen.Id}/ban");
        var late = await SeedAsync(app, mine, keys);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        using var refused = await stolen.FetchAsync([late.Id, matesOnly.Id]);
        overheard.AddRange((await mate.FetchedAsync([late.Id])).Bundles);

        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        var opened = Opened(stolen.SealingKey, overheard, [mine.Id, theirs.Id], [stolen.Id, mate.Id, stranger.Id]);
        Assert.Equal(new[] { read.Bundle.Id, asked.Bundle.Id }.Order(), opened.Keys.Order());
        Assert.All(opened, found => Assert.Equal(keys[found.Key], found.Value));
        var exposed = await ExposureTests.ExposureAsync(app, stolen.Id);
        Assert.Equal(opened.Keys.Order(), exposed.Select(item => Guid.Parse($"{item["bundle"]}")).Order());

        // The list of the one who was robbed of nothing: the same program finds what its own node may read.
        Assert.Equal(4, Opened(mate.SealingKey, overheard, [mine.Id], [mate.Id]).Count);
    }

    /// <summary>Every way of opening that a thief has: his key, and any binding he can make up.</summary>
    private static Dictionary<Guid, byte[]> Opened(
        ECDiffieHellman key, List<SealedBundle> overheard, Guid[] fleets, Guid[] nodes)
    {
        var opened = new Dictionary<Guid, byte[]>();
        var own = NodeKeys.IdOf(key.ExportSubjectPublicKeyInfo());
        foreach (var bundle in overheard)
        {
            foreach (var binding in
                from fleet in fleets
                from node in nodes
                from sealing in new[] { own, bundle.SealingKey }
                select new SealBinding(fleet, node, sealing, bundle.Domain, bundle.Bundle, bundle.Fingerprint))
            {
                try
                {
                    opened[bundle.Bundle] = Hpke.Open(
                        key, bundle.Encapsulation, SealBinding.HpkeInfo, binding.ToAdditionalData(), bundle.SealedKey);
                }
                catch (AuthenticationTagMismatchException)
                {
                    // Closed to him: what the assertions count on.
                    Assert.NotEmpty(bundle.SealedKey);
                }
            }
        }

        return opened;
    }

    private static async Task<SeededDomain> SeedAsync(NodesApp app, Fleet fleet, Dictionary<Guid, byte[]> keys)
    {
        var key = RandomNumberGenerator.GetBytes(32);
        var domain = await app.Rows.DomainAsync(fleet.Id, app.Vault.Add(key));
        keys.Add(domain.Bundle.Id, key);
        await app.Rows.ChangeAsync(domain);
        return domain;
    }
}
