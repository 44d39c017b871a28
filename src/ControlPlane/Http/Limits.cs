using System.Net;
using ControlPlane.Http.Rates;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace ControlPlane.Http;

/// <summary>How much one caller may send, hold and wait for, in one place. <see cref="LimitsTable"/> gives the reasons,
/// and the README shows it; how often a caller may ask is in <see cref="RateOptions"/>.</summary>
internal static class Limits
{
    /// <summary>Bytes of a body, unless a route says otherwise.</summary>
    public const int MaxBodyBytes = 64 * 1024;

    /// <summary>Bytes of a file of names: of 10,000 rows each may take 400.</summary>
    public const int MaxImportBytes = 4 * 1024 * 1024;

    /// <summary>Levels of JSON.</summary>
    public const int MaxJsonDepth = 32;

    /// <summary>Bytes of method, path and query together, which bounds every cursor and filter.</summary>
    public const int MaxRequestLineBytes = 4 * 1024;

    /// <summary>Bytes of all headers together.</summary>
    public const int MaxHeadersBytes = 16 * 1024;

    public const int MaxHeaders = 50;

    /// <summary>Connections of one replica; <c>Http:MaxConnections</c> overrides it.</summary>
    public const int MaxConnections = 5_000;

    /// <summary>Requests under way on one HTTP/2 connection.</summary>
    public const int MaxStreams = 100;

    /// <summary>Bytes an HTTP/2 caller may send ahead, for one request and for the connection.</summary>
    public const int StreamWindowBytes = 96 * 1024;
    public const int ConnectionWindowBytes = 1024 * 1024;

    /// <summary>Bytes a second, after <see cref="SlowGrace"/>, in both directions.</summary>
    public const int MinBytesPerSecond = 1024;

    public static readonly TimeSpan SlowGrace = TimeSpan.FromSeconds(5);

    public static readonly TimeSpan HeadersTimeout = TimeSpan.FromSeconds(15);

    public static readonly TimeSpan KeepAliveTimeout = TimeSpan.FromSeconds(120);

    /// <summary>The longest that a request is worked on.</summary>
    public static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(80);

    public static void AddLimits(this WebApplicationBuilder builder)
    {
        var connections = builder.Configuration.GetValue("Http:MaxConnections", MaxConnections);
        builder.WebHost.ConfigureKestrel(options => Apply(options, connections));
        builder.Services.AddRequestTimeouts(options => options.DefaultPolicy = new RequestTimeoutPolicy
        {
            Timeout = RequestTimeout,
            TimeoutStatusCode = StatusCodes.Status503ServiceUnavailable,
        });
        builder.AddRates();
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

    private static void Apply(KestrelServerOptions options, int connections)
    {
        options.AddServerHeader = false;
        options.Limits.MaxRequestBodySize = MaxBodyBytes;
        options.Limits.MaxRequestLineSize = MaxRequestLineBytes;
        options.Limits.MaxRequestHeadersTotalSize = MaxHeadersBytes;
        options.Limits.MaxRequestHeaderCount = MaxHeaders;
        options.Limits.RequestHeadersTimeout = HeadersTimeout;
        options.Limits.KeepAliveTimeout = KeepAliveTimeout;
        options.Limits.MinRequestBodyDataRate = new MinDataRate(MinBytesPerSecond, SlowGrace);
        options.Limits.MinResponseDataRate = new MinDataRate(MinBytesPerSecond, SlowGrace);
        options.Limits.MaxConcurrentConnections = connections;
        // Nothing here is upgraded to another protocol.
        options.Limits.MaxConcurrentUpgradedConnections = 0;
        options.Limits.Http2.MaxStreamsPerConnection = MaxStreams;
        options.Limits.Http2.MaxRequestHeaderFieldSize = MaxHeadersBytes;
        options.Limits.Http2.InitialStreamWindowSize = StreamWindowBytes;
        options.Limits.Http2.InitialConnectionWindowSize = ConnectionWindowBytes;
    }

    private sealed record BodyLimit(long? MaxRequestBodySize) : IRequestSizeLimitMetadata;
}
