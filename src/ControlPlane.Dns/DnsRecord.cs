using System.Net;
using System.Net.Sockets;

namespace ControlPlane.Dns;

/// <summary>A resource record of class IN. <paramref name="Ttl"/> is in seconds.</summary>
internal abstract record DnsRecord(string Name, uint Ttl)
{
    public abstract DnsRecordType Type { get; }
}

/// <summary>A or AAAA, told apart by the family of the address.</summary>
internal sealed record AddressRecord(string Name, uint Ttl, IPAddress Address) : DnsRecord(Name, Ttl)
{
    public override DnsRecordType Type =>
        Address.AddressFamily == AddressFamily.InterNetworkV6 ? DnsRecordType.AAAA : DnsRecordType.A;
}

internal sealed record CnameRecord(string Name, uint Ttl, string Target) : DnsRecord(Name, Ttl)
{
    public override DnsRecordType Type => DnsRecordType.CNAME;
}

internal sealed record NsRecord(string Name, uint Ttl, string Host) : DnsRecord(Name, Ttl)
{
    public override DnsRecordType Type => DnsRecordType.NS;
}

/// <summary>Times are in seconds; <paramref name="Minimum"/> is how long a "no" may be kept (RFC 2308 §4).</summary>
internal sealed record SoaRecord(
    string Name, uint Ttl, string PrimaryHost, string Mailbox, uint Serial, uint Refresh, uint Retry, uint Expire,
    uint Minimum) : DnsRecord(Name, Ttl)
{
    public override DnsRecordType Type => DnsRecordType.SOA;
}

/// <summary>
/// <paramref name="Strings"/>: each of up to 255 octets, an octet a char (Latin-1), because TXT has no
/// encoding of its own. Readers of one value (SPF, DCV) join them without a separator: <see cref="Text"/>.
/// </summary>
internal sealed record TxtRecord(string Name, uint Ttl, IReadOnlyList<string> Strings) : DnsRecord(Name, Ttl)
{
    public override DnsRecordType Type => DnsRecordType.TXT;

    public string Text => string.Concat(Strings);

    public bool Equals(TxtRecord? other) =>
        other is not null && base.Equals(other) && Strings.SequenceEqual(other.Strings);

    public override int GetHashCode() => HashCode.Combine(base.GetHashCode(), Text);
}

/// <summary>
/// RFC 8659 §4.1. <paramref name="Flags"/>: 128 = critical; <paramref name="Value"/> is Latin-1, an octet a char.
/// </summary>
internal sealed record CaaRecord(string Name, uint Ttl, byte Flags, string Tag, string Value) : DnsRecord(Name, Ttl)
{
    public override DnsRecordType Type => DnsRecordType.CAA;
}

/// <summary>
/// A type or class this library does not read (RFC 3597). Names inside the data of an old type (MX, PTR) may be
/// compressed against the message they came in, so raw data means nothing outside it.
/// </summary>
internal sealed record RawRecord(string Name, uint Ttl, DnsRecordType RawType, ushort Class, byte[] Bytes)
    : DnsRecord(Name, Ttl)
{
    public override DnsRecordType Type => RawType;

    public bool Equals(RawRecord? other) => other is not null && base.Equals(other) && RawType == other.RawType
        && Class == other.Class && Bytes.AsSpan().SequenceEqual(other.Bytes);

    public override int GetHashCode() => HashCode.Combine(base.GetHashCode(), RawType, Class, Bytes.Length);
}
