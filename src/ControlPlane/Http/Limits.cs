using System.Net;
using System.Security.Claims;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ControlPlane.Http;

/// <summary>How much one caller may send, in one place.</summary>
internal static class Limits
{
    /// <summary>Largest body unless a route says otherwise: a registration is a few hundred bytes.</summary>
    public const int MaxBodyBytes = 64 * 1024;

    /// <summary>Deepest JSON. The API's own bodies have two levels.</summary>
    public const int MaxJsonDepth = 32;

    /// <summary>Requests a key may send at once, and per second after that; Http:RequestsPerSecond overrides the rate.
    /// A portal that registers a thousand names in a row stays below it; a runaway loop does not.</summary>
    private const int Burst = 400;
    private const int PerSecond = 200;

    public static void AddLimits(this WebApplicationBuilder builder)
    {
        builder.WebHost.ConfigureKestrel(Apply);
        var perSecond = builder.Configuration.GetValue("Http:RequestsPerSecond", PerSecond);
        builder.Services.AddRateLimiter(options =>
        {
            options.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            options.OnRejected = async (rejected, _) =>
                await (Problems.TooManyRequests.With() with { RetryAfterSeconds = 1 }).ExecuteAsync(
                    rejected.HttpContext);
            options.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(context =>
                context.User.FindFirstValue(Access.Caller.KeyIdClaim) is { } key
                    ? RateLimitPartition.GetTokenBucketLimiter(key, _ => new TokenBucketRateLimiterOptions
                    {
                        TokenLimit = Math.Max(Burst, perSecond),
                        TokensPerPeriod = perSecond,
                        ReplenishmentPeriod = TimeSpan.FromSeconds(1),
                        QueueLimit = 0,
                    })
                    : RateLimitPartition.GetNoLimiter(""));
        });
    }

    /// <summary>Lets a route take larger bodies than <see cref="MaxBodyBytes"/>.</summary>
    public static TBuilder WithBodyLimit<TBuilder>(this TBuilder route, long bytes)
        where TBuilder : IEndpointConventionBuilder => route.WithMetadata(new BodyLimit(bytes));

    /// <summary>Says, once listening, when keys would travel readably: every address in clear text beyond
    /// loopback.</summary>
    public static IEnumerable<string> ClearTextAddresses(IEnumerable<string> addresses) =>
        from address in addresses
        let parsed = BindingAddress.Parse(address)
        where parsed is { Scheme: "http", IsUnixPipe: false }
        where !string.Equals(parsed.Host, "localhost", StringComparison.OrdinalIgnoreCase)
            && !(IPAddress.TryParse(parsed.Host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip))
        select address;

    private static void Apply(KestrelServerOptions options)
    {
        options.AddServerHeader = false;
        options.Limits.MaxRequestBodySize = MaxBodyBytes;
        options.Limits.MaxRequestLineSize = 4 * 1024;
        options.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
        options.Limits.MaxRequestHeaderCount = 50;
        // A caller that takes longer than this for its headers is not one of ours.
        options.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        // Above the agents' longest poll of 50 s, so that an idle connection outlives the pause between two of them.
        options.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(120);
    }

    private sealed record BodyLimit(long? MaxRequestBodySize) : IRequestSizeLimitMetadata;
}
