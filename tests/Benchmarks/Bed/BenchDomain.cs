using System.Security.Cryptography;

namespace Benchmarks.Bed;

/// <summary>A domain and one bundle of it, as the path of an order would have left them.</summary>
internal sealed record BenchDomain
{
    /// <summary>Short on purpose: names of customers have some thirty characters.</summary>
    private const string Zone = "bench.customers.example";

    public required Guid Id { get; init; }

    public required string Hostname { get; init; }

    public Guid Order { get; init; } = Guid.CreateVersion7();

    public Guid Bundle { get; init; } = Guid.CreateVersion7();

    /// <summary>In the vault; one that is not there for a bundle that nobody fetches.</summary>
    public Guid Key { get; init; } = Guid.CreateVersion7();

    public required byte[] Leaf { get; init; }

    public required string Serial { get; init; }

    public required string Fingerprint { get; init; }

    public static string NameOf(int number) => $"shop-{number:000000}.{Zone}";

    /// <summary>Domains whose bundles nobody fetches: the leaf is random bytes of a leaf's size.</summary>
    public static IReadOnlyList<BenchDomain> Listed(int count) =>
        [.. Enumerable.Range(0, count).Select(number => Listed(Guid.CreateVersion7(), NameOf(number)))];

    /// <summary>The same domain with its next such bundle.</summary>
    public BenchDomain Renewed() => Listed(Id, Hostname);

    /// <summary>A bundle that can be fetched.</summary>
    public static BenchDomain Of(IssuedLeaf issued, Guid id) => new()
    {
        Id = id,
        Hostname = issued.Hostname,
        Leaf = issued.Leaf,
        Serial = issued.Serial,
        Fingerprint = Convert.ToHexStringLower(SHA256.HashData(issued.Leaf)),
    };

    private static BenchDomain Listed(Guid id, string hostname)
    {
        var leaf = RandomNumberGenerator.GetBytes(600);
        return new BenchDomain
        {
            Id = id,
            Hostname = hostname,
            Leaf = leaf,
            Serial = Convert.ToHexString(leaf.AsSpan(0, 16)),
            Fingerprint = Convert.ToHexStringLower(SHA256.HashData(leaf)),
        };
    }
}
