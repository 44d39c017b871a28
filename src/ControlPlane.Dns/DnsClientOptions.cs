using System.Net;

namespace ControlPlane.Dns;

/// <summary>Whom to ask, and how patiently.</summary>
internal sealed record DnsClientOptions
{
    /// <summary>Recursive resolvers, asked in this order. At least one.</summary>
    public required IReadOnlyList<IPEndPoint> Servers { get; init; }

    /// <summary>
    /// Limit of one try, UDP or TCP. 2 s: a resolver that has to walk to a slow authority on another continent answers
    /// within 1.5 s; longer waits are lost packets, which a second try cures and waiting does not.
    /// </summary>
    public TimeSpan TryTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Tries for each server. 2: one lost datagram is weather, two in a row are an outage, and then the caller's own
    /// schedule (minutes) serves better than hammering. Worst case of one question: servers × tries × time-out = 4 s
    /// for one server.
    /// </summary>
    public int Tries { get; init; } = 2;

    /// <summary>
    /// Longest CNAME chain followed, 1 or more. 8: CDNs use up to 4 or 5; common resolvers give up between 8 and 16, so
    /// a longer chain would not work for the public either.
    /// </summary>
    public int MaxChain { get; init; } = 8;
}
