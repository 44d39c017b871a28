using System.Diagnostics;
using System.Net;
using ControlPlane.Dns;

namespace ControlPlane.Tests.Dns;

/// <summary>The client against a DNS server that we did not write: dnsmasq of Debian (package dnsmasq-base).</summary>
public sealed class DnsmasqTests
{
    private static readonly string? Dnsmasq = $"/usr/sbin:{Environment.GetEnvironmentVariable("PATH")}".Split(':')
        .Select(folder => Path.Combine(folder, "dnsmasq")).FirstOrDefault(File.Exists);

    [Fact]
    public async Task A_server_of_other_hands_is_understood()
    {
        Assert.SkipWhen(Dnsmasq is null, "dnsmasq is not installed (apt-get install dnsmasq-base).");
        var port = FreePort.Next();
        using var process = Process.Start(new ProcessStartInfo(Dnsmasq!,
        [
            "--keep-in-foreground", $"--port={port}", "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv",
            "--no-hosts", "--conf-file=/dev/null", "--pid-file=", $"--user={Environment.UserName}", "--local=/test/",
            "--host-record=edge.test,192.0.2.7,2001:db8::7",
            "--cname=shop.test,edge.test", "--cname=round.test,circle.test", "--txt-record=edge.test,one,two",
            .. Enumerable.Range(0, 40).Select(i => $"--txt-record=long.test,a text of some length with the number {i}"),
        ])
        { UseShellExecute = false })!;
        try
        {
            var client = new DnsClient(
                new DnsClientOptions { Servers = [new IPEndPoint(IPAddress.Loopback, port)] }, TimeProvider.System);
            using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(4));
            DnsAddresses found;
            do
            {
                Assert.False(process.HasExited, "dnsmasq ended; its own words are in the output.");
                found = await client.ResolveAddressesAsync("shop.test", deadline.Token);
            }
            while (found.Status == DnsStatus.Unreachable);

            Assert.Equal(["edge.test"], found.Chain);
            Assert.Equal(["192.0.2.7", "2001:db8::7"], found.Addresses.Select(a => a.ToString()));
            var text = await AskAsync("edge.test", DnsRecordType.TXT);
            Assert.Equal(["one", "two"], Assert.IsType<TxtRecord>(Assert.Single(text.Records)).Strings);
            Assert.Equal(40, (await AskAsync("long.test", DnsRecordType.TXT)).Records.Count);
            Assert.Equal(DnsStatus.NoData, (await AskAsync("edge.test", DnsRecordType.CAA)).Status);
            Assert.Equal(DnsStatus.NxDomain, (await AskAsync("none.test", DnsRecordType.A)).Status);
            Assert.Equal(DnsStatus.Refused, (await AskAsync("foreign.example", DnsRecordType.A)).Status);

            Task<DnsAnswer> AskAsync(string name, DnsRecordType type) =>
                client.ResolveAsync(name, type, deadline.Token);
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
        }
    }
}
