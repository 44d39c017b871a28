namespace ControlPlane.Dns;

/// <summary>Record types this library reads (IANA DNS parameters). Any other number is legal and is kept raw.</summary>
internal enum DnsRecordType : ushort
{
    A = 1,
    NS = 2,
    CNAME = 5,
    SOA = 6,
    TXT = 16,
    AAAA = 28,

    /// <summary>
    /// EDNS(0) pseudo record (RFC 6891); it never shows up among the records of a <see cref="DnsMessage"/>.
    /// </summary>
    OPT = 41,

    /// <summary>Who may issue certificates for a name (RFC 8659).</summary>
    CAA = 257,
}

/// <summary>
/// Response codes (RFC 1035 §4.1.1); the four low bits only, extended codes of EDNS are not used here.
/// </summary>
internal enum DnsResponseCode : byte
{
    NoError = 0,
    FormatError = 1,
    ServerFailure = 2,
    NameError = 3,
    NotImplemented = 4,
    Refused = 5,
}

/// <summary>One question in class IN. <paramref name="Name"/> is written as <see cref="DnsName"/> describes.</summary>
internal sealed record DnsQuestion(string Name, DnsRecordType Type)
{
    /// <summary>Asked of a message's header: a validating resolver is to answer even what it cannot validate (RFC 4035
    /// §3.2.2), so that a broken signature can be told from a broken server.</summary>
    public bool CheckingDisabled { get; init; }
}

/// <summary>The bytes are not a DNS message. Carries where and why, never the bytes themselves.</summary>
internal sealed class DnsFormatException(string message) : FormatException(message);
