using ControlPlane.Dns;

namespace ControlPlane.Tests.Dns;

public sealed class DnsMessageTests
{
    // RFC 1035 §4.1.4's own example: F.ISI.ARPA, FOO.F.ISI.ARPA, ARPA and the root share their octets.
    [Fact]
    public void Names_of_the_standards_own_example_are_read()
    {
        byte[] header = [0, 1, 0x81, 0x80, 0, 4, 0, 0, 0, 0, 0, 0];
        byte[] question = [0, 1, 0, 1];
        byte[] bytes =
        [
            .. header,
            1, .. "F"u8, 3, .. "ISI"u8, 4, .. "ARPA"u8, 0, .. question,
            3, .. "FOO"u8, 0xC0, 12, .. question,
            0xC0, 18, .. question,
            0, .. question,
        ];

        var message = DnsMessage.Parse(bytes);

        Assert.Equal(["F.ISI.ARPA", "FOO.F.ISI.ARPA", "ARPA", "."], message.Questions.Select(q => q.Name));
        Assert.True(message is { Id: 1, IsResponse: true, RecursionDesired: true, RecursionAvailable: true });
    }

    [Theory]
    [InlineData("points at itself", new byte[] { 0xC0, 12 })]
    [InlineData("points forward", new byte[] { 0xC0, 20 })]
    [InlineData("goes round through a label", new byte[] { 1, 97, 0xC0, 12 })]
    [InlineData("half a pointer", new byte[] { 0xC0 })]
    [InlineData("reserved label kind", new byte[] { 0x80, 1 })]
    [InlineData("label beyond the end", new byte[] { 63, 97 })]
    [InlineData("name without an end", new byte[] { 1, 97 })]
    public void A_broken_name_is_refused_and_ends(string why, byte[] name)
    {
        byte[] bytes = [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, .. name];

        var refusal = Assert.Throws<DnsFormatException>(() => DnsMessage.Parse(bytes));

        Assert.True(refusal.Message.Length > 0, why);
    }

    [Theory]
    [InlineData("IPv4 of three octets", 1, new byte[] { 1, 2, 3 })]
    [InlineData("IPv4 of five octets", 1, new byte[] { 1, 2, 3, 4, 5 })]
    [InlineData("IPv6 of four octets", 28, new byte[] { 1, 2, 3, 4 })]
    [InlineData("text longer than its record", 16, new byte[] { 9, 97 })]
    [InlineData("CAA whose tag leaves it", 257, new byte[] { 0, 200, 97 })]
    [InlineData("CNAME followed by rubbish", 5, new byte[] { 1, 97, 0, 7 })]
    public void Record_data_that_does_not_fit_its_type_is_refused(string why, ushort type, byte[] data)
    {
        byte[] bytes =
        [
            0, 1, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0,
            0, (byte)(type >> 8), (byte)type, 0, 1, 0, 0, 0, 9, 0, (byte)data.Length, .. data,
        ];

        var refusal = Assert.Throws<DnsFormatException>(() => DnsMessage.Parse(bytes));

        Assert.True(refusal.Message.Length > 0, why);
    }

    [Fact]
    public void Counts_that_promise_more_than_the_packet_holds_are_refused()
    {
        byte[] bytes = [0, 1, 0x80, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0];

        Assert.Throws<DnsFormatException>(() => DnsMessage.Parse(bytes));
    }

    [Fact]
    public void Written_names_are_compressed()
    {
        var answer = new DnsMessage
        {
            IsResponse = true,
            Questions = [new DnsQuestion("shop.example.com", DnsRecordType.CNAME)],
            Answers = [new CnameRecord("shop.example.com", 60, "edge.example.com")],
        };

        // header 12 + question 18 + 4 + record: pointer 2 + fixed 10 + "edge" 5 + pointer 2
        Assert.Equal(53, answer.ToBytes().Length);
    }

    [Fact]
    public void A_record_of_an_unknown_type_keeps_its_octets()
    {
        var record = new RawRecord("x.example", 5, (DnsRecordType)65280, 1, [1, 2, 3]);

        var read = DnsMessage.Parse(new DnsMessage { Answers = [record] }.ToBytes());

        Assert.Equal(record, Assert.Single(read.Answers));
    }

    [Fact]
    public void Edns_is_a_size_and_not_a_record()
    {
        var read = DnsMessage.Parse(new DnsMessage { UdpSize = DnsMessage.AdvertisedUdpSize }.ToBytes());

        Assert.Equal((ushort)1232, read.UdpSize);
        Assert.Empty(read.Additionals);
    }

    [Theory]
    [InlineData("a..example")]
    [InlineData("bücher.example")]
    [InlineData("a\\")]
    [InlineData("a\\999")]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123.example")]
    public void A_name_that_the_wire_can_not_carry_is_the_callers_error(string name) =>
        Assert.Throws<ArgumentException>(() => DnsName.ToLabels(name));

    [Fact]
    public void A_name_longer_than_255_octets_is_the_callers_error() =>
        Assert.Throws<ArgumentException>(() => DnsName.ToLabels(string.Join('.', Enumerable.Repeat("abcdefgh", 29))));
}
