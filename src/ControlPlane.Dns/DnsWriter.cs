using System.Buffers.Binary;
using System.Text;

namespace ControlPlane.Dns;

/// <summary>Writes one message, names compressed where RFC 3597 §4 still allows it. For one message only.</summary>
internal sealed class DnsWriter
{
    private const ushort ClassIn = 1;

    // A pointer has 14 bits: a suffix that starts later can not be pointed at.
    private const int LastPointable = 0x3FFF;

    // Ordinal, not case-blind: pointing at another spelling would change the text of the name.
    private readonly Dictionary<string, int> _suffixes = new(StringComparer.Ordinal);
    private readonly List<byte> _bytes = new(DnsMessage.PlainUdpSize);

    public byte[] Write(DnsMessage message)
    {
        UInt16(message.Id);
        UInt16((ushort)((message.IsResponse ? 0x8000 : 0) | ((message.Opcode & 0xF) << 11)
            | (message.Authoritative ? 0x0400 : 0) | (message.Truncated ? 0x0200 : 0)
            | (message.RecursionDesired ? 0x0100 : 0) | (message.RecursionAvailable ? 0x0080 : 0)
            | (message.AuthenticData ? 0x0020 : 0) | (message.CheckingDisabled ? 0x0010 : 0)
            | ((int)message.ResponseCode & 0xF)));
        Count(message.Questions.Count);
        Count(message.Answers.Count);
        Count(message.Authorities.Count);
        Count(message.Additionals.Count + (message.UdpSize is null ? 0 : 1));
        foreach (var question in message.Questions)
        {
            Name(question.Name);
            UInt16((ushort)question.Type);
            UInt16(ClassIn);
        }

        foreach (var record in message.Answers.Concat(message.Authorities).Concat(message.Additionals))
        {
            Record(record);
        }

        if (message.UdpSize is { } udpSize)
        {
            Head(DnsName.Root, DnsRecordType.OPT, udpSize, ttl: 0);
            UInt16(0);
        }

        return _bytes.Count <= ushort.MaxValue
            ? [.. _bytes]
            : throw new ArgumentException(
                $"The message has {_bytes.Count} octets; {ushort.MaxValue} are legal.", nameof(message));
    }

    private void Record(DnsRecord record)
    {
        Head(record.Name, record.Type, record is RawRecord { Class: var other } ? other : ClassIn, record.Ttl);
        var lengthAt = _bytes.Count;
        UInt16(0);
        switch (record)
        {
            case AddressRecord address:
                _bytes.AddRange(address.Address.GetAddressBytes());
                break;
            case CnameRecord cname:
                Name(cname.Target);
                break;
            case NsRecord ns:
                Name(ns.Host);
                break;
            case SoaRecord soa:
                Name(soa.PrimaryHost);
                Name(soa.Mailbox);
                foreach (var number in (uint[])[soa.Serial, soa.Refresh, soa.Retry, soa.Expire, soa.Minimum])
                {
                    UInt32(number);
                }

                break;
            case TxtRecord txt:
                foreach (var text in txt.Strings)
                {
                    ShortText(text);
                }

                break;
            case CaaRecord caa:
                _bytes.Add(caa.Flags);
                ShortText(caa.Tag);
                _bytes.AddRange(Encoding.Latin1.GetBytes(caa.Value));
                break;
            case RawRecord raw:
                _bytes.AddRange(raw.Bytes);
                break;
            default:
                throw new ArgumentException($"There is no writer for {record.GetType().Name}.", nameof(record));
        }

        var length = _bytes.Count - lengthAt - 2;
        if (length > ushort.MaxValue)
        {
            throw new ArgumentException($"The data of a {record.Type} record has {length} octets.", nameof(record));
        }

        _bytes[lengthAt] = (byte)(length >> 8);
        _bytes[lengthAt + 1] = (byte)length;
    }

    private void Head(string name, DnsRecordType type, ushort @class, uint ttl)
    {
        Name(name);
        UInt16((ushort)type);
        UInt16(@class);
        UInt32(ttl);
    }

    private void Name(string name)
    {
        var labels = DnsName.ToLabels(name);
        for (var i = 0; i < labels.Count; i++)
        {
            var suffix = DnsName.FromLabels([.. labels.Skip(i)]);
            if (_suffixes.TryGetValue(suffix, out var at))
            {
                UInt16((ushort)(0xC000 | at));
                return;
            }

            if (_bytes.Count <= LastPointable)
            {
                _suffixes[suffix] = _bytes.Count;
            }

            _bytes.Add((byte)labels[i].Length);
            _bytes.AddRange(labels[i]);
        }

        _bytes.Add(0);
    }

    private void ShortText(string text)
    {
        if (text.Length > byte.MaxValue)
        {
            throw new ArgumentException($"A text of {text.Length} octets; {byte.MaxValue} are legal.", nameof(text));
        }

        _bytes.Add((byte)text.Length);
        _bytes.AddRange(Encoding.Latin1.GetBytes(text));
    }

    private void Count(int count) => UInt16(checked((ushort)count));

    private void UInt16(ushort value)
    {
        _bytes.Add((byte)(value >> 8));
        _bytes.Add((byte)value);
    }

    private void UInt32(uint value)
    {
        Span<byte> four = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(four, value);
        _bytes.AddRange(four);
    }
}
