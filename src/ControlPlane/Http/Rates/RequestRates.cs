using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Security.Claims;
using System.Threading.RateLimiting;
using ControlPlane.Http.Access;
using ControlPlane.Metrics;
using Microsoft.Extensions.Options;

namespace ControlPlane.Http.Rates;

/// <summary>Whose requests are counted together, and how many may come.</summary>
/// <param name="Kind">A role, <c>node</c> or <c>anonymous</c>: the label of the metric and the name of the header's
/// policy.</param>
/// <param name="Who">The key, the node or the address.</param>
/// <param name="PerSecond">Tokens that come back each second.</param>
/// <param name="Burst">Tokens at most.</param>
internal sealed record Bucket(string Kind, string Who, int PerSecond, int Burst);

/// <summary>The token buckets of all callers of this replica. One that was idle for ten seconds is full again and is
/// dropped, so that strange addresses do not fill memory.</summary>
internal sealed class RequestRates(IOptions<RateOptions> options) : IDisposable
{
    private static readonly Meter Meter = new(Instruments.MeterName);

    private static readonly Counter<long> Refused = Meter.CreateCounter<long>(
        "controlplane_http_rate_refused", description: "Requests answered with 429, by kind of caller.");

    private readonly PartitionedRateLimiter<Bucket> _buckets = PartitionedRateLimiter.Create<Bucket, Bucket>(bucket =>
        RateLimitPartition.GetTokenBucketLimiter(bucket, static bucket => new TokenBucketRateLimiterOptions
        {
            TokenLimit = bucket.Burst,
            TokensPerPeriod = bucket.PerSecond,
            ReplenishmentPeriod = TimeSpan.FromSeconds(1),
            QueueLimit = 0,
        }));

    /// <summary>Null when nobody is authenticated.</summary>
    public Bucket? OfCaller(ClaimsPrincipal user)
    {
        if (Caller.Find(user) is { } caller)
        {
            var rate = caller.Role switch
            {
                ApiRole.Portal => options.Value.Portal,
                ApiRole.Support => options.Value.Support,
                ApiRole.Admin => options.Value.Admin,
                _ => throw new InvalidOperationException($"No such role: {caller.Role}."),
            };
            // A key's own rate has the usual room for a burst: two seconds' worth.
            var (perSecond, burst) = caller.RequestsPerSecond is { } own
                ? (own, 2 * own)
                : (rate.PerSecond, rate.Burst);
            return new Bucket(caller.Role.ToString().ToLowerInvariant(), $"{caller.KeyId}", perSecond, burst);
        }

        return user.Identity is { IsAuthenticated: true, AuthenticationType: AccessSetup.NodeScheme }
            ? new Bucket(
                "node", user.FindFirstValue("sub")!, options.Value.Node.PerSecond, options.Value.Node.Burst)
            : null;
    }

    public Bucket OfAddress(IPAddress? address) => new(
        "anonymous", Network(address), options.Value.Anonymous.PerSecond, options.Value.Anonymous.Burst);

    /// <summary>Takes a token, or answers 429.</summary>
    /// <returns>False when it has answered.</returns>
    public async Task<bool> AdmitAsync(Bucket bucket, HttpContext context)
    {
        using var lease = _buckets.AttemptAcquire(bucket);
        var left = lease.IsAcquired ? _buckets.GetStatistics(bucket)?.CurrentAvailablePermits ?? 0 : 0;
        // draft-ietf-httpapi-ratelimit-headers-10: q tokens per w seconds; r are left, and t seconds fill it again.
        var headers = context.Response.Headers;
        headers["RateLimit-Policy"] =
            $"\"{bucket.Kind}\";q={bucket.Burst};w={CeilingOf(bucket.Burst, bucket.PerSecond)}";
        headers["RateLimit"] =
            $"\"{bucket.Kind}\";r={left};t={CeilingOf(bucket.Burst - left, bucket.PerSecond)}";
        if (lease.IsAcquired)
        {
            return true;
        }

        Refused.Add(1, new KeyValuePair<string, object?>("caller", bucket.Kind));
        // A token comes back within a second, whatever the bucket.
        var problem = Problems.TooManyRequests.With() with { RetryAfterSeconds = 1 };
        await problem.ExecuteAsync(context);
        return false;
    }

    public void Dispose() => _buckets.Dispose();

    /// <summary>An IPv6 subscriber has 64 bits of addresses to call from (RFC 6177): they are one caller.</summary>
    private static string Network(IPAddress? address)
    {
        if (address is null)
        {
            return "local";
        }

        if (address.AddressFamily == AddressFamily.InterNetworkV6 && !address.IsIPv4MappedToIPv6)
        {
            return Convert.ToHexString(address.GetAddressBytes().AsSpan(0, 8));
        }

        return address.IsIPv4MappedToIPv6 ? address.MapToIPv4().ToString() : address.ToString();
    }

    private static long CeilingOf(long tokens, int perSecond) => (tokens + perSecond - 1) / perSecond;
}
