using System.Net;
using ControlPlane.Dns;
using ControlPlane.Domains;
using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Preflight;

namespace ControlPlane.Tests.Domains.Ownership;

/// <summary>Several resolvers, each a real DNS server with an opinion of its own.</summary>
public sealed class OwnershipLookupTests
{
    [Theory]
    [InlineData("shows shows shows", true, true)]
    [InlineData("shows shows fails", true, true)]
    [InlineData("shows shows absent", false, true)]
    [InlineData("shows fails fails", false, true)]
    [InlineData("shows absent absent", false, true)]
    [InlineData("other other other", false, true)]
    [InlineData("alias alias alias", false, true)]
    [InlineData("absent absent absent", false, true)]
    [InlineData("fails fails fails", false, false)]
    public async Task More_than_half_must_show_the_record_and_none_may_deny_it(
        string opinions, bool shown, bool isFact)
    {
        var claim = new Domain
        {
            Id = Guid.CreateVersion7(),
            TenantId = Guid.CreateVersion7(),
            FleetId = Guid.CreateVersion7(),
            Hostname = "shop.example.com",
            KeyAlgorithm = KeyAlgorithm.EcdsaP256,
            CreatedAt = DateTimeOffset.UnixEpoch,
        };
        var servers = opinions.Split(' ').Select(opinion => DnsServer.Start(
            new IPEndPoint(IPAddress.Loopback, 0), question => Answer(opinion, question, claim))).ToList();
        try
        {
            var lookup = new OwnershipLookup(new Resolvers(
            [
                .. servers.Select(server => new DnsClient(
                    new DnsClientOptions { Servers = [server.EndPoint] }, TimeProvider.System)),
            ]));

            var answer = await lookup.AskAsync(claim, TestContext.Current.CancellationToken);

            Assert.Equal((shown, isFact), (answer.Shown, answer.Silence is null));
            Assert.NotEmpty(answer.Detail);
        }
        finally
        {
            foreach (var server in servers)
            {
                await server.DisposeAsync();
            }
        }
    }

    private static DnsReply Answer(string opinion, DnsQuestion question, Domain claim) => opinion switch
    {
        "shows" => DnsReply.Of(
            new TxtRecord(question.Name, 1, ["unrelated"]),
            new TxtRecord(question.Name, 1, [OwnershipRecord.ValueFor(claim)])),
        "other" => DnsReply.Of(new TxtRecord(question.Name, 1, [OwnershipRecord.ValueFor(claim) + "x"])),
        "alias" => DnsReply.Of(
            new CnameRecord(question.Name, 1, "other.example.net"),
            new TxtRecord("other.example.net", 1, [OwnershipRecord.ValueFor(claim)])),
        "absent" => DnsReply.NoSuchName,
        _ => DnsReply.Failure,
    };
}
