using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace ControlPlane.Dns;

/// <summary>
/// Reads one message. Everything it is given comes from strangers: each length is checked before it is used, and a
/// compression pointer (RFC 1035 §4.1.4) must point before every place its name has been at, which makes loops
/// impossible.
/// </summary>
internal ref struct DnsReader(ReadOnlySpan<byte> message)
{
    private const ushort ClassIn = 1;

    private readonly ReadOnlySpan<byte> _message = message;
    private int _at;

    public DnsMessage ReadMessage()
    {
        var id = UInt16();
        var flags = UInt16();
        int questions = UInt16(), answers = UInt16(), authorities = UInt16(), additionals = UInt16();
        ushort? udpSize = null;
        return new DnsMessage
        {
            Id = id,
            IsResponse = (flags & 0x8000) != 0,
            Opcode = (byte)((flags >> 11) & 0xF),
            Authoritative = (flags & 0x0400) != 0,
            Truncated = (flags & 0x0200) != 0,
            RecursionDesired = (flags & 0x0100) != 0,
            RecursionAvailable = (flags & 0x0080) != 0,
            AuthenticData = (flags & 0x0020) != 0,
            CheckingDisabled = (flags & 0x0010) != 0,
            ResponseCode = (DnsResponseCode)(flags & 0xF),
            Questions = Questions(questions),
            Answers = Records(answers, ref udpSize),
            Authorities = Records(authorities, ref udpSize),
            Additionals = Records(additionals, ref udpSize),
            UdpSize = udpSize,
        };
    }

    private List<DnsQuestion> Questions(int count)
    {
        // The lists grow as records are really read: a count of 65,535 in a 12-octet packet must cost nothing.
        var questions = new List<DnsQuestion>();
        for (var i = 0; i < count; i++)
        {
            var question = new DnsQuestion(Name(), (DnsRecordType)UInt16());
            var @class = UInt16();
            questions.Add(@class == ClassIn ? question : throw Broken($"a question of class {@class}"));
        }

        return questions;
    }

    private List<DnsRecord> Records(int count, ref ushort? udpSize)
    {
        var records = new List<DnsRecord>();
        for (var i = 0; i < count; i++)
        {
            var name = Name();
            var type = (DnsRecordType)UInt16();
            var @class = UInt16();
            var ttl = UInt32();
            var end = UInt16() + _at;
            if (end > _message.Length)
            {
                throw Broken("record data that leaves the message");
            }

            if (type == DnsRecordType.OPT)
            {
                udpSize = @class;
                _at = end;
                continue;
            }

            records.Add(@class == ClassIn
                ? Record(name, type, ttl, end)
                : new RawRecord(name, ttl, type, @class, Bytes(end - _at).ToArray()));
            if (_at != end)
            {
                throw Broken($"a {type} record whose data has another length than it says");
            }
        }

        return records;
    }

    private DnsRecord Record(string name, DnsRecordType type, uint ttl, int end) => type switch
    {
        DnsRecordType.A => new AddressRecord(name, ttl, new IPAddress(Bytes(4))),
        DnsRecordType.AAAA => new AddressRecord(name, ttl, new IPAddress(Bytes(16))),
        DnsRecordType.CNAME => new CnameRecord(name, ttl, Name()),
        DnsRecordType.NS => new NsRecord(name, ttl, Name()),
        DnsRecordType.SOA => new SoaRecord(
            name, ttl, Name(), Name(), UInt32(), UInt32(), UInt32(), UInt32(), UInt32()),
        DnsRecordType.TXT => new TxtRecord(name, ttl, Strings(end)),
        DnsRecordType.CAA => new CaaRecord(
            name, ttl, Bytes(1)[0], ShortText(), Encoding.Latin1.GetString(Bytes(end - _at))),
        _ => new RawRecord(name, ttl, type, ClassIn, Bytes(end - _at).ToArray()),
    };

    private string Name()
    {
        var labels = new List<byte[]>();
        var wireLength = 1;
        var at = _at;
        var earliest = _at;
        var jumped = false;
        while (true)
        {
            int length = at < _message.Length ? _message[at] : throw Broken("a name that leaves the message");
            if ((length & 0xC0) == 0xC0)
            {
                var target = at + 1 < _message.Length
                    ? BinaryPrimitives.ReadUInt16BigEndian(_message[at..]) & 0x3FFF
                    : throw Broken("half a compression pointer");
                _at = jumped ? _at : at + 2;
                jumped = true;
                earliest = target < earliest ? target : throw Broken("a compression pointer that does not point back");
                at = target;
                continue;
            }

            if (length > DnsName.MaxLabel)
            {
                throw Broken("a label of an unknown kind");
            }

            wireLength += length == 0 ? 0 : length + 1;
            if (wireLength > DnsName.MaxWire || at + 1 + length > _message.Length)
            {
                throw Broken("a name that is too long");
            }

            if (length == 0)
            {
                _at = jumped ? _at : at + 1;
                return DnsName.FromLabels(labels);
            }

            labels.Add(_message.Slice(at + 1, length).ToArray());
            at += 1 + length;
        }
    }

    private List<string> Strings(int end)
    {
        var strings = new List<string>();
        while (_at < end)
        {
            strings.Add(ShortText());
        }

        return strings;
    }

    private string ShortText() => Encoding.Latin1.GetString(Bytes(Bytes(1)[0]));

    private ushort UInt16() => BinaryPrimitives.ReadUInt16BigEndian(Bytes(2));

    private uint UInt32() => BinaryPrimitives.ReadUInt32BigEndian(Bytes(4));

    private ReadOnlySpan<byte> Bytes(int count)
    {
        if (count < 0 || count > _message.Length - _at)
        {
            throw Broken("a field that leaves the message");
        }

        var bytes = _message.Slice(_at, count);
        _at += count;
        return bytes;
    }

    private readonly DnsFormatException Broken(string what) =>
        new($"Not a DNS message: {what}, near octet {_at} of {_message.Length}.");
}
