using ControlPlane.Database;
using ControlPlane.Vault;
using LocalFleet;
using Microsoft.EntityFrameworkCore;
using SyncAgent.HAProxy;

namespace Benchmarks.Bed;

/// <summary>A domain whose bundle a node can fetch, and the PEM that HAProxy will hold of it.</summary>
internal sealed record CertifiedDomain(BenchDomain Domain, byte[] Pem);

/// <summary>Makes bundles with real leaves, their keys sealed by the real vault, and waits for nodes to prove
/// them.</summary>
internal sealed class CertifiedDomains : IDbContextFactory<ControlPlaneDb>
{
    /// <summary>Each seal is a commit of its own: eight at once share the disk's flushes.</summary>
    private const int SealsAtOnce = 8;

    private readonly BenchFleet _bench;
    private readonly BenchAuthority _authority;
    private readonly PostgresVault _vault;
    private int _made;

    public CertifiedDomains(BenchFleet bench, BenchAuthority authority)
    {
        (_bench, _authority) = (bench, authority);
        _vault = new PostgresVault(this, LocalKeyFile.Load(bench.Fleet.Layout.VaultKey), TimeProvider.System);
        Rows = new DomainRows(bench.Owner, bench.Id, authority.NotAfter);
    }

    public DomainRows Rows { get; }

    public ControlPlaneDb CreateDbContext() =>
        new(new DbContextOptionsBuilder<ControlPlaneDb>().UseNpgsql(_bench.Owner).Options);

    /// <summary>Domains that nobody knows yet.</summary>
    public Task<IReadOnlyList<CertifiedDomain>> MakeAsync(int count, CancellationToken stop)
    {
        var first = _made;
        _made += count;
        return SealAsync(
            [.. Enumerable.Range(first, count).Select(number => (Guid.CreateVersion7(), BenchDomain.NameOf(number)))],
            stop);
    }

    /// <summary>The next bundle of each.</summary>
    public Task<IReadOnlyList<CertifiedDomain>> RenewAsync(
        IReadOnlyList<CertifiedDomain> domains, CancellationToken stop) =>
        SealAsync([.. domains.Select(of => (of.Domain.Id, of.Domain.Hostname))], stop);

    /// <summary>Returns when the node has reported that it proved the newest bundles of the fleet on disk, in memory
    /// and by handshake; what it reported is in the control plane's database.</summary>
    /// <param name="newest">How many bundles were published last, together.</param>
    /// <param name="stop">Gives up.</param>
    public async Task ProvenAsync(int newest, CancellationToken stop)
    {
        var first = await AskAsync(
            """
            SELECT min(revision) FROM (
                SELECT revision FROM desired_state WHERE fleet_id = $1 ORDER BY revision DESC LIMIT $2) newest
            """,
            newest, stop);
        var time = TimeProvider.System;
        // Cheap, because it is asked ten times a second of the database that is measured too.
        while (await AskAsync(
            """
            SELECT count(*) FROM node_observations JOIN nodes ON nodes.id = node_id
            WHERE fleet_id = $1 AND node_observations.revision >= $2 AND state = 'Serving'
            """,
            first, stop) < newest)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), time, stop);
        }

        var proven = await AskAsync(
            """
            SELECT count(*) FROM node_observations seen
            JOIN desired_state wanted ON wanted.domain_id = seen.domain_id AND wanted.fleet_id = $1
            JOIN bundles bundle ON bundle.id = wanted.bundle_id
            WHERE seen.revision >= $2 AND seen.handshake_fingerprint = bundle.fingerprint
            """,
            first, stop);
        if (proven < newest)
        {
            throw new FleetException($"The node called {newest} bundles served and has proven {proven} of them.");
        }
    }

    private async Task<long> AskAsync(string sql, long parameter, CancellationToken stop)
    {
        await using var command = _bench.Owner.CreateCommand(sql);
        command.Parameters.Add(new() { Value = _bench.Id });
        command.Parameters.Add(new() { Value = parameter });
        return (long)(await command.ExecuteScalarAsync(stop))!;
    }

    private async Task<IReadOnlyList<CertifiedDomain>> SealAsync(
        IReadOnlyList<(Guid Id, string Hostname)> names, CancellationToken stop)
    {
        var issued = _authority.Issue([.. names.Select(name => name.Hostname)], stop);
        var made = new CertifiedDomain[names.Count];
        await Parallel.ForAsync(
            0, names.Count, new ParallelOptions { MaxDegreeOfParallelism = SealsAtOnce, CancellationToken = stop },
            async (i, token) =>
            {
                using var pem = PemPayload.FromDer(issued[i].Leaf, [_authority.Intermediate], issued[i].Pkcs8);
                var domain = BenchDomain.Of(issued[i], names[i].Id);
                var bytes = pem.Bytes.ToArray();
                using var key = new PrivateKey(issued[i].Pkcs8, issued[i].PublicKeyHash);
                var id = await _vault.SealAsync(key, domain.Id, domain.Order, token);
                made[i] = new CertifiedDomain(domain with { Key = id }, bytes);
            });
        return made;
    }
}
