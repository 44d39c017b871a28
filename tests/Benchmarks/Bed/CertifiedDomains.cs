using ControlPlane.Database;
using ControlPlane.Vault;
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
    public Task<IReadOnlyList<CertifiedDomain>> MakeAsync(int count, CancellationToken stop) => SealAsync(
        [.. Enumerable.Range(0, count).Select(number => (Guid.CreateVersion7(), BenchDomain.NameOf(number)))], stop);

    /// <summary>The next bundle of each.</summary>
    public Task<IReadOnlyList<CertifiedDomain>> RenewAsync(
        IReadOnlyList<CertifiedDomain> domains, CancellationToken stop) =>
        SealAsync([.. domains.Select(of => (of.Domain.Id, of.Domain.Hostname))], stop);

    /// <summary>Returns when the node has reported that it proved the newest bundle of each domain on disk, in memory
    /// and by handshake; what it reported is in the control plane's database.</summary>
    public async Task ProvenAsync(int domains, CancellationToken stop)
    {
        await using var command = _bench.Owner.CreateCommand(
            """
            SELECT count(*) FROM node_observations seen
            JOIN desired_state wanted ON wanted.domain_id = seen.domain_id AND wanted.fleet_id = $1
            JOIN bundles bundle ON bundle.id = wanted.bundle_id
            WHERE seen.state = 'Serving' AND seen.handshake_fingerprint = bundle.fingerprint
            """);
        command.Parameters.Add(new() { Value = _bench.Id });
        var time = TimeProvider.System;
        while ((long)(await command.ExecuteScalarAsync(stop))! < domains)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), time, stop);
        }
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
