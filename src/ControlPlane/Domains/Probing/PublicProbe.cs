using System.Net;
using System.Security.Cryptography;
using ControlPlane.TokenStore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Domains.Probing;

/// <summary>What one address of a name gave.</summary>
/// <param name="Address">The address.</param>
/// <param name="Arrived">Whether it gave our value back.</param>
/// <param name="Fetched">What was met instead.</param>
internal sealed record Probed(IPAddress Address, bool Arrived, Fetched Fetched);

/// <summary>
/// Fetches a value through a name's public addresses, as the CA will. The addresses are the customer's word, so they
/// are resolved once and dialled as they are; loopback, private and other reserved ranges are refused, redirects are
/// not followed, and little is read.
/// </summary>
internal sealed class PublicProbe(ITokenStore tokens, TimeProvider time, IOptions<FleetOptions> fleet)
{
    /// <summary>The CA gives a name 5 s in all; a name that needs longer from here will not do.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    private const int MostBytes = 1024;

    /// <summary>A real name has a handful; thousands fit into one DNS answer, and each would hold a worker for as long
    /// as its owner likes.</summary>
    public const int MostAddresses = 16;

    /// <summary>Whether an address may not be dialled: a customer's record must not turn us against our own
    /// network.</summary>
    public bool Refuses(IPAddress address) =>
        !fleet.Value.ProbeReservedAddresses && ReservedAddresses.Contains(address);

    /// <summary>Publishes a value of our own for the time of the look. One refused address, or too many, and none is
    /// dialled: then the list is empty.</summary>
    /// <exception cref="TokenStoreException">The value cannot be published.</exception>
    public async Task<IReadOnlyList<Probed>> LookAsync(
        Order order, IReadOnlyList<IPAddress> addresses, CancellationToken ct)
    {
        if (addresses.Count is 0 or > MostAddresses || addresses.Any(Refuses))
        {
            return [];
        }

        // Not secret and never accepted by a CA: it only has to be ours, and the same at a repetition.
        var value = "probe-" + Convert.ToHexStringLower(SHA256.HashData(order.Id.ToByteArray()))[..32];
        await tokens.PublishAsync(
            order.Hostname, order.Sequence, value, time.GetUtcNow() + TimeSpan.FromMinutes(1), ct);
        try
        {
            return await FetchAsync(order.Hostname, TokenPlace.FileAuth, value, addresses, ct);
        }
        finally
        {
            await tokens.WithdrawAsync(order.Hostname, order.Sequence, CancellationToken.None);
        }
    }

    /// <summary>The same for a value that is published already.</summary>
    public async Task<IReadOnlyList<Probed>> FetchAsync(
        string hostname, TokenPlace place, string value, IReadOnlyList<IPAddress> addresses,
        CancellationToken ct)
    {
        if (addresses.Count > MostAddresses || addresses.Any(Refuses))
        {
            return [];
        }

        // All at once: the limit is one for the whole name, and stays far below the order's lease.
        return await Task.WhenAll(addresses.Select(async address =>
        {
            var fetched = await TokenFetch.FetchAsync(
                new IPEndPoint(address, fleet.Value.ProbePort), hostname, place.PathOf(value), Limit, MostBytes, time,
                ct);
            return new Probed(address, fetched.Body == value, fetched);
        }));
    }
}
