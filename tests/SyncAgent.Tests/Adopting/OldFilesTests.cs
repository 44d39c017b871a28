using System.Security.Cryptography;
using ControlPlane.Contracts;
using SyncAgent.Adopting;
using SyncAgent.Syncing;
using SyncAgent.Tests.HAProxy;
using SyncAgent.Tests.Syncing;

namespace SyncAgent.Tests.Adopting;

/// <summary>What becomes of files from before the agent, beside a real HAProxy that serves them already.</summary>
public sealed class OldFilesTests : AgentTests
{
    [Fact]
    public async Task An_adopted_file_of_another_name_leaves_without_a_gap_and_is_kept_as_a_dot_file()
    {
        var bundle = Authority.Issue("shop.example.com");
        await ServeAsync(("legacy_shop.crt", bundle.CertificatePem), ("legacy_shop.crt.key", bundle.KeyPem));
        using var stop = new CancellationTokenSource();
        var visits = VisitAsync(bundle, stop.Token);
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);

        Api.Want(bundle);
        await Eventually.True(
            () => Api.IsServing(bundle) && File.Exists(Old(".legacy_shop.crt.adopted"))
                && File.Exists(Old(".legacy_shop.crt.key.adopted")),
            () => $"the old files are set aside. {agent.Log.Text}");

        Assert.False(File.Exists(Old("legacy_shop.crt")));
        Assert.False(File.Exists(Old("legacy_shop.crt.key")));
        Assert.DoesNotContain("legacy_shop", Proxy.Ask("show ssl cert\n"), StringComparison.Ordinal);
        Assert.Equal(0, Proxy.Check().Status);
        var renewed = Authority.Issue("shop.example.com", days: 60);
        await stop.CancelAsync();
        Assert.NotEqual(0, await visits);
        Api.Want(renewed);
        await Eventually.True(() => Api.IsServing(renewed), () => $"its successor is served. {agent.Log.Text}");
    }

    /// <summary>Its key is RSA, as of old, and ours are not: visitors get ours while both are there.</summary>
    [Fact]
    public async Task A_file_of_several_names_stays_until_the_last_of_them_is_proven()
    {
        using var key = RSA.Create(2048);
        using var both = Authority.IssueFor("one.example.com", key, also: "two.example.com");
        await ServeAsync(("both.pem", both.ExportCertificatePem() + "\n" + key.ExportRSAPrivateKeyPem() + "\n"));
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var (one, two) = (Authority.Issue("one.example.com"), Authority.Issue("two.example.com"));

        Api.Want(one);
        await Eventually.True(() => Api.IsServing(one), () => $"the first is proven. {agent.Log.Text}");
        await agent.Part<OldFiles>().Look(CancellationToken.None);
        Assert.True(File.Exists(Old("both.pem")));

        Api.Want(two);
        await Eventually.True(
            () => Api.IsServing(two) && !File.Exists(Old("both.pem")), () => $"it is set aside. {agent.Log.Text}");
        Assert.Equal(one.Fingerprint, await Proxy.Visit("one.example.com"));
        Assert.Equal(two.Fingerprint, await Proxy.Visit("two.example.com"));
    }

    /// <summary>Fails when the agent's start takes from HAProxy what nobody asked the agent to serve.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_the_agent_cannot_read_and_nobody_registered_is_left_alone(bool isLink)
    {
        var theirs = Authority.Issue("theirs.example.com");
        var elsewhere = Path.Combine(Proxy.Home, "live.pem");
        File.WriteAllText(elsewhere, theirs.Pem);
        await Proxy.KillNow();
        if (isLink)
        {
            File.CreateSymbolicLink(Old("theirs.example.com.pem"), elsewhere);
        }
        else
        {
            // HAProxy skips a block that it does not know.
            File.WriteAllText(
                Old("theirs.example.com.pem"), theirs.Pem + PemEncoding.WriteString("X509 CRL", [0]) + "\n");
        }

        await Proxy.Run();
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var ours = Authority.Issue("ours.example.com");
        Api.Want(ours);
        await Eventually.True(() => Api.IsServing(ours), () => $"ours is served. {agent.Log.Text}");

        Assert.True(Path.Exists(Old("theirs.example.com.pem")));
        Assert.Equal(theirs.Fingerprint, await Proxy.Visit("theirs.example.com"));
        Assert.Equal(0, Proxy.Check().Status);
    }

    /// <summary>Fails when a bundle for one name takes the place of a file that serves others.</summary>
    [Fact]
    public async Task A_file_of_several_names_under_the_name_of_one_is_not_replaced_before_the_others_are_proven()
    {
        using var key = RSA.Create(2048);
        using var old = Authority.IssueFor("one.example.com", key, also: "two.example.com");
        var before = Convert.ToHexStringLower(SHA256.HashData(old.RawData));
        await ServeAsync(
            ("one.example.com.pem", old.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem() + "\n"));
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var (one, two) = (
            Authority.Issue("one.example.com", days: 60), Authority.Issue("two.example.com", days: 60));

        Api.Want(one);
        await Eventually.True(
            () => Api.RowOf("one.example.com")?.Error is { Code: NodeErrorCodes.ForeignFile } error
                && error.Detail.Contains("two.example.com", StringComparison.Ordinal),
            () => $"it is refused, and says for whose sake. {agent.Log.Text}");
        Assert.Equal(before, await Proxy.Visit("one.example.com"));
        Assert.Equal(before, await Proxy.Visit("two.example.com"));

        Api.Want(two);
        await Eventually.True(() => Api.IsServing(two), () => $"the other has its own. {agent.Log.Text}");
        agent.Part<Reconciler>().Touch(["one.example.com"]);
        await Eventually.True(() => Api.IsServing(one), () => $"now it is replaced. {agent.Log.Text}");
        Assert.Equal(two.Fingerprint, await Proxy.Visit("two.example.com"));
    }

    [Fact]
    public async Task A_pair_of_keys_for_one_name_stays_as_it_is()
    {
        using var key = RSA.Create(2048);
        using var old = Authority.IssueFor("pair.example.com", key);
        await ServeAsync(("pair.rsa", old.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem() + "\n"));
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);
        var ours = Authority.Issue("pair.example.com");
        Api.Want(ours);
        await Eventually.True(() => Api.IsServing(ours), () => $"ours is served. {agent.Log.Text}");

        await agent.Part<OldFiles>().Look(CancellationToken.None);

        Assert.True(File.Exists(Old("pair.rsa")));
    }

    /// <summary>Fails when a file that HAProxy serves is taken for damage because of the form of its key.</summary>
    [Theory]
    [InlineData("SEC1")]
    [InlineData("beside")]
    public async Task A_file_under_our_name_with_an_old_form_of_key_is_served_on_and_proven_as_it_is(string form)
    {
        var bundle = Authority.Issue("shop.example.com");
        using var pair = ECDsa.Create();
        pair.ImportPkcs8PrivateKey(bundle.Pkcs8, out _);
        await (form == "SEC1"
            ? ServeAsync(("shop.example.com.pem", bundle.CertificatePem + pair.ExportECPrivateKeyPem() + "\n"))
            : ServeAsync(
                ("shop.example.com.pem", bundle.CertificatePem), ("shop.example.com.pem.key", bundle.KeyPem)));
        var before = File.ReadAllText(Old("shop.example.com.pem"));
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);

        Api.Want(bundle);
        await Eventually.True(() => Api.IsServing(bundle), () => $"it is proven. {agent.Log.Text}");

        Assert.Equal(before, File.ReadAllText(Old("shop.example.com.pem")));
        var renewed = Authority.Issue("shop.example.com", days: 60);
        Api.Want(renewed);
        await Eventually.True(() => Api.IsServing(renewed), () => $"its successor is served. {agent.Log.Text}");
        Assert.Equal(0, Proxy.Check().Status);
    }

    [Fact]
    public async Task A_file_whose_name_nobody_wants_stays()
    {
        var (wanted, foreign) = (Authority.Issue("shop.example.com"), Authority.Issue("other.example.com"));
        await ServeAsync(("a-foreign.pem", foreign.Pem), ("b-shop.pem", wanted.Pem));
        await using var agent = await RunningAgent.Start(Proxy, Api, Authority);

        Api.Want(wanted);
        await Eventually.True(() => !File.Exists(Old("b-shop.pem")), () => $"one is set aside. {agent.Log.Text}");

        Assert.True(File.Exists(Old("a-foreign.pem")));
        Assert.Equal(foreign.Fingerprint, await Proxy.Visit("other.example.com"));
    }

    private string Old(string fileName) => Path.Combine(Proxy.Certificates, fileName);

    /// <summary>HAProxy is started anew over these files.</summary>
    private async Task ServeAsync(params (string Name, string Text)[] files)
    {
        foreach (var (name, text) in files)
        {
            await File.WriteAllTextAsync(Old(name), text);
        }

        await Proxy.Reload();
    }

    /// <summary>Visits without pause; each must see the bundle.</summary>
    private Task<int> VisitAsync(TestBundle bundle, CancellationToken stop) => Task.Run(async () =>
    {
        var visits = 0;
        for (; !stop.IsCancellationRequested; visits++)
        {
            Assert.Equal(bundle.Fingerprint, await Proxy.Visit(bundle.Hostname));
        }

        return visits;
    }, CancellationToken.None);
}
