using System.Net;
using System.Security.Cryptography;
using ControlPlane.TokenStore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Domains.Probing;

/// <summary>
/// Publishes a value of our own for a name and fetches it through the name's public addresses, as the CA will. The
/// addresses are the customer's word, so they are resolved once and dialled as they are; loopback, private and other
/// reserved ranges are refused, redirects are not followed, and little is read.
/// </summary>
internal sealed class PublicProbe(ITokenStore tokens, TimeProvider time, IOptions<FleetOptions> fleet)
{
    /// <summary>The CA gives a name 5 s in all; a name that needs longer from here will not do.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    private const int MostBytes = 1024;

    /// <summary>A real name has a handful; thousands fit into one DNS answer, and each would hold a worker for as long
    /// as its owner likes.</summary>
    private const int MostAddresses = 16;

    /// <summary>True when every one of the name's addresses gives the value back.</summary>
    public async Task<bool> ArrivesAsync(Order order, IReadOnlyList<IPAddress> addresses, CancellationToken ct)
    {
        if (addresses.Count > MostAddresses
            || (!fleet.Value.ProbeReservedAddresses && addresses.Any(ReservedAddresses.Contains)))
        {
            return false;
        }

        // Not secret and never accepted by a CA: it only has to be ours, and the same at a repetition.
        var value = "probe-" + Convert.ToHexStringLower(SHA256.HashData(order.Id.ToByteArray()))[..32];
        await tokens.PublishAsync(
            order.Hostname, order.Sequence, value, time.GetUtcNow() + TimeSpan.FromMinutes(1), ct);
        try
        {
            // All at once: the limit is one for the whole name, and stays far below the order's lease.
            var values = await Task.WhenAll(addresses.Select(address => TokenFetch.FetchAsync(
                new IPEndPoint(address, fleet.Value.ProbePort), order.Hostname, Limit, MostBytes, time, ct)));
            return values.All(given => given == value);
        }
        finally
        {
            await tokens.WithdrawAsync(order.Hostname, order.Sequence, CancellationToken.None);
        }
    }
}
