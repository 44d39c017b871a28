namespace ControlPlane.Dns;

/// <summary>A DNS message (RFC 1035 §4), read by <see cref="Parse"/> and written by <see cref="ToBytes"/>.</summary>
internal sealed record DnsMessage
{
    /// <summary>
    /// The UDP size we advertise (RFC 6891 §6.2.3), in octets: the largest that fits into the smallest IPv6 packet
    /// (1280 less 48 of headers) and so is never fragmented; the value agreed on at DNS flag day 2020.
    /// </summary>
    public const ushort AdvertisedUdpSize = 1232;

    /// <summary>RFC 1035 §4.2.1: what a UDP answer may have where the question carries no EDNS, in octets.</summary>
    public const ushort PlainUdpSize = 512;

    public ushort Id { get; init; }

    public bool IsResponse { get; init; }

    /// <summary>0 = standard query; others exist (RFC 1035 §4.1.1), four bits.</summary>
    public byte Opcode { get; init; }

    public bool Authoritative { get; init; }

    public bool Truncated { get; init; }

    public bool RecursionDesired { get; init; }

    public bool RecursionAvailable { get; init; }

    /// <summary>The server says that it has validated the answer with DNSSEC (RFC 4035 §3.2.3).</summary>
    public bool AuthenticData { get; init; }

    /// <summary>The asker wants the answer without DNSSEC validation (RFC 4035 §3.2.2).</summary>
    public bool CheckingDisabled { get; init; }

    public DnsResponseCode ResponseCode { get; init; }

    public IReadOnlyList<DnsQuestion> Questions { get; init; } = [];

    public IReadOnlyList<DnsRecord> Answers { get; init; } = [];

    public IReadOnlyList<DnsRecord> Authorities { get; init; } = [];

    /// <summary>Without the OPT record, which is <see cref="UdpSize"/>.</summary>
    public IReadOnlyList<DnsRecord> Additionals { get; init; } = [];

    /// <summary>The UDP size the sender takes, in octets; null when it sent no EDNS OPT record.</summary>
    public ushort? UdpSize { get; init; }

    /// <exception cref="DnsFormatException">The bytes are not a well-formed message.</exception>
    public static DnsMessage Parse(ReadOnlySpan<byte> bytes) => new DnsReader(bytes).ReadMessage();

    /// <exception cref="ArgumentException">A name or a text is not writable, or the message exceeds 65,535
    /// octets.</exception>
    public byte[] ToBytes() => new DnsWriter().Write(this);
}
