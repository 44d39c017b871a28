using System.Net;

namespace ControlPlane.Dns;

/// <summary>
/// What asking gave. The first four are facts about the name; the others say that nobody could be asked,
/// and must never be read as "no": see <see cref="DnsAnswer.IsFact"/>.
/// </summary>
internal enum DnsStatus
{
    /// <summary>Records of the asked type are there.</summary>
    NoError,

    /// <summary>The name exists, with no record of the asked type (RFC 2308 §2.2).</summary>
    NoData,

    /// <summary>The name, or the last target of its CNAME chain, does not exist.</summary>
    NxDomain,

    /// <summary>The CNAME chain runs in a circle or is longer than <see cref="DnsClientOptions.MaxChain"/>.</summary>
    ChainBroken,

    /// <summary>SERVFAIL: the resolver got nothing from the name's own servers, or nothing that DNSSEC lets it
    /// believe.</summary>
    ServFail,

    /// <summary>A server answered, but not the question: REFUSED, nonsense, a referral.</summary>
    Refused,

    /// <summary>No answer in time from any server.</summary>
    Timeout,

    /// <summary>The network refused to carry the question, or nothing listens there.</summary>
    Unreachable,
}

/// <param name="Name">The name that was asked, normalized.</param>
/// <param name="Status">What came of it.</param>
/// <param name="Chain">CNAME targets in the order walked; empty when the name itself holds the answer.</param>
/// <param name="Records">Records of the asked type at the end of the chain; not empty exactly when NoError.</param>
/// <param name="Detail">One sentence for a person: which server said what.</param>
internal sealed record DnsAnswer(
    string Name, DnsStatus Status, IReadOnlyList<string> Chain, IReadOnlyList<DnsRecord> Records, string Detail)
{
    /// <summary>The longest time to live on the way: so long a cache may go on with this answer after a
    /// change.</summary>
    public TimeSpan KeptFor { get; init; }

    /// <summary>False: we could not ask, so nothing is known.</summary>
    public bool IsFact =>
        Status is DnsStatus.NoError or DnsStatus.NoData or DnsStatus.NxDomain or DnsStatus.ChainBroken;
}

/// <summary>
/// Where a name leads. <paramref name="Chain"/>, <paramref name="Detail"/>: as in <see cref="DnsAnswer"/>.
/// </summary>
/// <param name="Name">The name that was asked, normalized.</param>
/// <param name="Status">
/// NoError when one family has addresses and the other is known too. When one of the two could not be asked this is
/// that status, and <paramref name="Addresses"/> still holds what the other gave: a positive match is good, a missing
/// one proves nothing.
/// </param>
/// <param name="Chain">CNAME targets in the order walked.</param>
/// <param name="Addresses">IPv4 first.</param>
/// <param name="Detail">One sentence for a person.</param>
internal sealed record DnsAddresses(
    string Name, DnsStatus Status, IReadOnlyList<string> Chain, IReadOnlyList<IPAddress> Addresses, string Detail)
{
    /// <inheritdoc cref="DnsAnswer.KeptFor"/>
    public TimeSpan KeptFor { get; init; }

    /// <inheritdoc cref="DnsAnswer.IsFact"/>
    public bool IsFact =>
        Status is DnsStatus.NoError or DnsStatus.NoData or DnsStatus.NxDomain or DnsStatus.ChainBroken;
}
