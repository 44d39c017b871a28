using System.Net;
using ControlPlane.Dns;
using FsCheck;
using FsCheck.Fluent;

namespace ControlPlane.Tests.Dns;

/// <summary>The codec's laws, over generated messages and generated rubbish.</summary>
public sealed class DnsRoundTripTests
{
    private static readonly Gen<byte> Octet = Gen.Choose(0, 255).Select(i => (byte)i);

    // Few letters, so that suffixes are shared and compression happens; every octet, so that escapes happen.
    private static readonly Gen<byte[]> Label =
        Gen.Choose(1, 6).SelectMany(n => Gen.ArrayOf(Gen.OneOf(Gen.Elements("aB."u8.ToArray()), Octet), n));

    private static readonly Gen<string> Name =
        Gen.Choose(0, 5).SelectMany(n => Gen.ArrayOf(Label, n)).Select(labels => DnsName.FromLabels(labels));

    private static readonly Gen<string> Text =
        Gen.Choose(0, 40).SelectMany(n => Gen.ArrayOf(Octet, n)).Select(System.Text.Encoding.Latin1.GetString);

    private static readonly Gen<uint> Number = Gen.Choose(0, int.MaxValue).Select(i => (uint)i * 2 + 1);

    private static readonly Gen<DnsRecord> Record = Gen.OneOf(
        With(Gen.ArrayOf(Octet, 4), DnsRecord (n, t, d) => new AddressRecord(n, t, new IPAddress(d))),
        With(Gen.ArrayOf(Octet, 16), DnsRecord (n, t, d) => new AddressRecord(n, t, new IPAddress(d))),
        With(Name, DnsRecord (n, t, d) => new CnameRecord(n, t, d)),
        With(Name, DnsRecord (n, t, d) => new NsRecord(n, t, d)),
        With(Name.Two(), DnsRecord (n, t, d) => new SoaRecord(n, t, d.Item1, d.Item2, t, 2, 3, uint.MaxValue, 5)),
        With(Gen.ArrayOf(Text, 2), DnsRecord (n, t, d) => new TxtRecord(n, t, d)),
        With(Text.Two(), DnsRecord (n, t, d) => new CaaRecord(n, t, 128, d.Item1, d.Item2)),
        With(Gen.ArrayOf(Octet, 7), DnsRecord (n, t, d) => new RawRecord(n, t, (DnsRecordType)999, 1, d)),
        With(Gen.ArrayOf(Octet, 3), DnsRecord (n, t, d) => new RawRecord(n, t, DnsRecordType.A, 3, d)));

    private static readonly Gen<DnsMessage> Message =
        from flags in Gen.Choose(0, 127)
        from numbers in Gen.Choose(0, 65535).Two()
        from questions in Name.Select(n => new DnsQuestion(n, DnsRecordType.CAA)).ListOf(1)
        from answers in Gen.Choose(0, 5).SelectMany(n => Record.ListOf(n))
        from authorities in Record.ListOf(1)
        from additionals in Record.ListOf(1)
        select new DnsMessage
        {
            Id = (ushort)numbers.Item1,
            Opcode = (byte)(numbers.Item1 & 0xF),
            ResponseCode = (DnsResponseCode)(numbers.Item2 & 0xF),
            IsResponse = (flags & 1) != 0,
            Authoritative = (flags & 2) != 0,
            Truncated = (flags & 4) != 0,
            RecursionDesired = (flags & 8) != 0,
            RecursionAvailable = (flags & 16) != 0,
            AuthenticData = (flags & 32) != 0,
            CheckingDisabled = (flags & 64) != 0,
            UdpSize = numbers.Item2 % 2 == 0 ? (ushort)numbers.Item2 : null,
            Questions = [.. questions],
            Answers = [.. answers],
            Authorities = [.. authorities],
            Additionals = [.. additionals],
        };

    [Fact]
    public void What_is_written_is_read_back() => Check(Message, message =>
    {
        var read = DnsMessage.Parse(message.ToBytes());
        Assert.Equal(message.Questions, read.Questions);
        Assert.Equal(message.Answers, read.Answers);
        Assert.Equal(message.Authorities, read.Authorities);
        Assert.Equal(message.Additionals, read.Additionals);
        Assert.Equal(Bare(message), Bare(read));
    });

    [Fact]
    public void Rubbish_is_refused_with_the_one_exception() => Check(
        from message in Message
        from hits in Octet.Two().ListOf(3)
        from length in Gen.Choose(0, 400)
        select Damage(message.ToBytes(), [.. hits], length),
        bytes =>
        {
            if (Record(bytes) is { } thrown)
            {
                Assert.IsType<DnsFormatException>(thrown);
            }

            static Exception? Record(byte[] bytes) => Xunit.Record.Exception(() => DnsMessage.Parse(bytes));
        });

    private static byte[] Damage(byte[] bytes, (byte At, byte Value)[] hits, int length)
    {
        foreach (var (at, value) in hits)
        {
            bytes[at % bytes.Length] = value;
        }

        return bytes[..Math.Min(length, bytes.Length)];
    }

    private static DnsMessage Bare(DnsMessage message) =>
        message with { Questions = [], Answers = [], Authorities = [], Additionals = [] };

    private static Gen<DnsRecord> With<T>(Gen<T> data, Func<string, uint, T, DnsRecord> make) =>
        from name in Name from ttl in Number from d in data select make(name, ttl, d);

    private static void Check<T>(Gen<T> gen, Action<T> law) =>
        Prop.ForAll(gen.ToArbitrary(), law).Check(Config.QuickThrowOnFailure.WithMaxTest(500));
}
