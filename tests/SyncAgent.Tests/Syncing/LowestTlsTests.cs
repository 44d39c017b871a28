using System.Security.Authentication;
using ControlPlane.Contracts;
using SyncAgent.Local;
using SyncAgent.Observing;
using SyncAgent.Tests.HAProxy;

namespace SyncAgent.Tests.Syncing;

/// <summary>A name that refuses TLS 1.2: by handshakes against a real HAProxy.</summary>
public sealed class LowestTlsTests : AgentTests
{
    [Fact]
    public async Task A_name_refuses_tls_1_2_and_takes_it_again_while_visitors_come_without_pause()
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var (shop, other) = (Authority.Issue("shop.example.com"), Authority.Issue("other.example.com"));
        Api.Want(shop, other);
        await Eventually.True(() => Api.IsServing(shop) && Api.IsServing(other), () => "both are served");
        using var over = new CancellationTokenSource();
        var visiting = Visit(shop, over.Token);

        for (var round = 0; round < 3; round++)
        {
            await Want(TlsVersions.Tls13, shop);
            Assert.Contains("alert protocol version", await InTls12(shop), StringComparison.Ordinal);
            Assert.Equal(other.Fingerprint, await InTls12(other));
            await Want(TlsVersions.Default, shop);
            Assert.Equal(shop.Fingerprint, await InTls12(shop));
        }

        await over.CancelAsync();
        Assert.True(await visiting > 3, "visitors came");
        Assert.Equal("", File.ReadAllText(Proxy.Directories.Tls13List));
    }

    /// <summary>Fails when a restart or a reload serves the name in TLS 1.2 because the agent is not there to move
    /// it.</summary>
    [Fact]
    public async Task Restarts_renewals_and_removals_keep_to_it()
    {
        var shop = Authority.Issue("shop.example.com");
        await using (var agent = await RunningAgent.Start(Proxy, Api, Authority))
        {
            await Want(TlsVersions.Tls13, shop);
        }

        await Proxy.KillNow();
        await Proxy.Run();
        Assert.Contains("alert protocol version", await InTls12(shop), StringComparison.Ordinal);

        await using var again = await RunningAgent.Start(Proxy, Api, Authority);
        var renewed = Authority.Issue("shop.example.com", days: 60);
        await Want(TlsVersions.Tls13, renewed);
        Assert.Contains("alert protocol version", await InTls12(renewed), StringComparison.Ordinal);
        Assert.DoesNotContain(
            shop.Hostname, Proxy.Ask($"show ssl crt-list {Proxy.Certificates}\n"), StringComparison.Ordinal);
        await Proxy.Reload();
        Assert.Contains("alert protocol version", await InTls12(renewed), StringComparison.Ordinal);

        Api.Withdraw(null, shop.Hostname);
        await Eventually.True(
            () => Api.RowOf(shop.Hostname)?.State == ObservedDomainState.Withdrawn,
            () => $"it is gone. {again.Log.Text}");
        Assert.Equal("", File.ReadAllText(Proxy.Directories.Tls13List));
        Assert.Equal(0, Proxy.Check().Status);
    }

    /// <summary>Fails when a file that somebody deleted, or that is damaged, stops HAProxy's next start by the line it
    /// left behind.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_line_goes_with_its_file(bool isDamaged)
    {
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var shop = Authority.Issue("shop.example.com");
        await Want(TlsVersions.Tls13, shop);
        Api.IsAway = true;

        if (isDamaged)
        {
            File.WriteAllText(Proxy.PathOf(shop.Hostname).Value, "garbage");
        }
        else
        {
            File.Delete(Proxy.PathOf(shop.Hostname).Value);
        }

        agent.Part<HaproxyWatch>().LookAtDisk();
        Assert.Equal(0, Proxy.Check().Status);
        Assert.Contains("alert protocol version", await InTls12(shop), StringComparison.Ordinal);
        Api.IsAway = false;
        await Eventually.True(
            () => File.ReadAllText(Proxy.Directories.Tls13List) == Proxy.PathOf(shop.Hostname).Tls13Entry + "\n",
            () => $"the file is back, and its line. {agent.Log.Text}");
    }

    /// <summary>Fails when a directory that was copied, or a hand that edited the list, stops HAProxy's next start; or
    /// when the agent's user cannot read what root made.</summary>
    [Fact]
    public void A_list_is_put_in_order_when_it_is_opened()
    {
        var (shop, gone) = (Proxy.PathOf("shop.example.com"), Proxy.PathOf("gone.example.com"));
        File.WriteAllText(shop.Value, Authority.Issue("shop.example.com").Pem);
        File.WriteAllLines(
            Proxy.Directories.Tls13List,
            [$"/elsewhere/{shop.Name.FileName} [ssl-min-ver TLSv1.3]", gone.Tls13Entry, "# by hand", "/etc/passwd"]);

        var list = new Tls13List(Proxy.Directories);

        Assert.Equal(shop.Tls13Entry + "\n", File.ReadAllText(Proxy.Directories.Tls13List));
        Assert.True(list.Holds("shop.example.com"));
        Assert.False(list.Holds("gone.example.com"));
        Assert.Equal(0, Proxy.Check().Status);
        Assert.True(File.GetUnixFileMode(Proxy.Directories.Tls13List).HasFlag(UnixFileMode.OtherRead));
    }

    [Fact]
    public async Task Somebody_elses_hand_is_noticed_by_the_handshake_and_put_right()
    {
        await using var agent = await RunningAgent.Start(
            Proxy, Api, Authority, options => options with { AuditEvery = TimeSpan.FromSeconds(1) });
        var shop = Authority.Issue("shop.example.com");
        await Want(TlsVersions.Tls13, shop);
        var path = Proxy.PathOf(shop.Hostname);

        Proxy.Ask($"add ssl crt-list {Proxy.Certificates} {path}\n");
        Proxy.Ask($"del ssl crt-list {path.Directory.Tls13List} {path}\n");
        Assert.Equal(shop.Fingerprint, await InTls12(shop));

        await Eventually.True(
            async () => (await InTls12(shop)).Contains("alert protocol version", StringComparison.Ordinal),
            () => $"TLS 1.2 is refused again. {agent.Log.Text}");
    }

    /// <summary>Fails when a node whose configuration is of an earlier release takes the name down, or says that all is
    /// well.</summary>
    [Fact]
    public async Task Without_the_list_in_its_configuration_a_node_says_so_and_goes_on_serving()
    {
        await Proxy.KillNow();
        File.WriteAllText(
            Proxy.ConfigurationFile,
            File.ReadAllText(Proxy.ConfigurationFile).Replace(
                $"crt-list {Proxy.Directories.Tls13List} ", "", StringComparison.Ordinal));
        await Proxy.Run();
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var shop = Authority.Issue("shop.example.com");
        Api.Want(shop);
        await Eventually.True(() => Api.IsServing(shop), () => "it is served");
        using var over = new CancellationTokenSource();
        var visiting = Visit(shop, over.Token);

        Api.TlsMinimum[shop.Hostname] = TlsVersions.Tls13;
        Api.Want(shop);
        await Eventually.True(
            () => Api.RowOf(shop.Hostname)?.Error is { Code: NodeErrorCodes.Tls13ListMissing } error
                && error.Detail.Contains("haproxy-config", StringComparison.Ordinal),
            () => $"the refusal says what to do: {Api.RowOf(shop.Hostname)?.Error}");

        await over.CancelAsync();
        await visiting;
        Assert.Equal(shop.Fingerprint, await InTls12(shop));
    }

    private Task<string> InTls12(TestBundle bundle) => Proxy.Visit(bundle.Hostname, SslProtocols.Tls12);

    private async Task Want(string lowest, TestBundle bundle)
    {
        Api.TlsMinimum[bundle.Hostname] = lowest;
        var before = Api.RowOf(bundle.Hostname)?.Revision ?? 0;
        Api.Want(bundle);
        await Eventually.True(
            () => Api.RowOf(bundle.Hostname) is { State: ObservedDomainState.Serving } row && row.Revision > before
                && Api.IsServing(bundle),
            () => $"{bundle.Hostname} is served from {lowest} on: {Api.RowOf(bundle.Hostname)}");
    }

    /// <returns>How many visitors came; each was served.</returns>
    private async Task<int> Visit(TestBundle bundle, CancellationToken over)
    {
        var visits = 0;
        for (; !over.IsCancellationRequested; visits++)
        {
            Assert.Equal(bundle.Fingerprint, await Proxy.Visit(bundle.Hostname));
        }

        return visits;
    }
}
