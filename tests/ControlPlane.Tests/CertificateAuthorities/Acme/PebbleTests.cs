using System.Security.Cryptography.X509Certificates;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Tests.Domains;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.CertificateAuthorities.Acme;

/// <summary>The path's own steps against a CA of other hands, over the token store's files and a node's port.</summary>
public sealed class PebbleTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    private const int Names = 70;
    private const int Renewed = 30;

    private TimeSpan _ahead;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_hundred_orders_are_issued_without_a_person()
    {
        Assert.SkipUnless(Pebble.IsThere, "pebble is not installed (apt-get install pebble).");
        await using var path = await PathBench.StartAsync(database);
        await using var pebble = await StartAsync(path);
        using var bench = new AcmeBench(path, AcmeBench.For(pebble));
        path.OtherCa = bench.Authority;

        var first = new List<Order>();
        for (var name = 0; name < Names; name++)
        {
            first.Add(await path.OrderAsync(OrderState.PendingOrder));
        }

        // One name's records lead away at first: its first look fails, and with it the order at the CA.
        await pebble.LeadAwayAsync(first[0].Hostname);
        await RunAsync(path, first, except: first[0]);
        await Eventually.TrueAsync(
            async () =>
            {
                await TurnDueAsync(path, [first[0]]);
                return (await path.ReadAsync(first[0])).CaStatus == CaWords.Spent;
            },
            "the first look failed");
        var spent = await path.ReadAsync(first[0]);
        Assert.Equal("ca-token-not-seen", spent.Reason);
        Assert.StartsWith("connection: ", spent.ReasonDetail);
        await pebble.LeadBackAsync(first[0].Hostname);
        _ahead = TimeSpan.FromMinutes(1);
        await RunAsync(path, [first[0]], except: null);
        Assert.Equal(2, (await path.SeenAsync(first[0])).Count);
        Assert.NotEqual(spent.CaOrderId, (await path.ReadAsync(first[0])).CaOrderId);

        // Names it knows: for about half of these it wants no token any more.
        var again = new List<Order>();
        foreach (var order in first.Take(Renewed))
        {
            again.Add(await path.OrderAsync(OrderState.PendingOrder, of: (await path.ReadAsync(order)).Domain));
        }

        await RunAsync(path, again, except: null);
        await using var db = path.Open();
        Assert.True(await db.Orders.AnyAsync(order => order.DcvValue == null && order.BundleId != null, Ct));
        Assert.Equal(Names + Renewed, await db.Bundles.Select(bundle => bundle.Fingerprint).Distinct().CountAsync(Ct));
        Assert.Equal(1, await db.AcmeAccounts.CountAsync(Ct));
        Assert.InRange(bench.Orders.Reserved.Count, Names + Renewed + 1, Names + Renewed + 20);

        // Pebble tells a client what it does wrong by refusing it: but for nonces, and the account before it was made,
        // it refused nothing. It looked once for each token, because it was asked once.
        Assert.Equal(["bad_nonce", "denied", "ok"], bench.Results.Distinct().Order());
        Assert.Single(bench.Results, "denied");
        Assert.Equal(
            await db.Orders.CountAsync(order => order.DcvValue != null, Ct) + 1,
            pebble.Log.Count(line => line.EndsWith(" validations.", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Replicas_make_one_account_and_a_certificate_can_be_chosen_and_revoked()
    {
        Assert.SkipUnless(Pebble.IsThere, "pebble is not installed (apt-get install pebble).");
        await using var path = await PathBench.StartAsync(database);
        await using var pebble = await StartAsync(path);
        using var other = await pebble.RootAsync(1);
        var options = AcmeBench.For(pebble);
        using var one = new AcmeBench(path, options);
        using var two = new AcmeBench(
            path, options with { PreferredIssuer = other.GetNameInfo(X509NameType.SimpleName, forIssuer: false) });
        var directory = await one.Client.DirectoryAsync(Ct);

        var accounts = await Task.WhenAll(
            Task.Run(() => one.Accounts.OpenAsync(directory, Ct), Ct),
            Task.Run(() => two.Accounts.OpenAsync(directory, Ct), Ct));

        Assert.Equal(accounts[0].Url, accounts[1].Url);
        Assert.Equal(accounts[0].Key.Thumbprint, accounts[1].Key.Thumbprint);

        path.OtherCa = one.Authority;
        var order = await path.OrderAsync(OrderState.PendingOrder);
        await RunAsync(path, [order], except: null);
        var certificate = (await path.ReadAsync(order)).CaCertificateId!;
        var (own, preferred) = (
            await one.Authority.DownloadAsync(certificate, Ct), await two.Authority.DownloadAsync(certificate, Ct));
        Assert.Equal(own[0], preferred[0]);
        using var top = X509CertificateLoader.LoadCertificate(preferred[^1]);
        Assert.Equal(other.SubjectName.RawData, top.IssuerName.RawData);
        Assert.NotEqual(own[^1], preferred[^1]);

        using var leaf = X509CertificateLoader.LoadCertificate(own[0]);
        var revocation = new Revocation(own[0], RevocationReason.KeyCompromise, "a drill");
        Assert.Equal(RevocationStanding.Revoked, (await one.Authority.RevokeAsync(revocation, Ct)).Standing);
        Assert.Equal("Revoked", await pebble.StatusAsync(leaf));
        Assert.Equal(RevocationStanding.Revoked, (await two.Authority.RevokeAsync(revocation, Ct)).Standing);
        // This release of pebble offers no renewal information.
        Assert.Null(await one.Authority.RenewalWindowAsync(own[0], Ct));
    }

    [Fact]
    public async Task An_external_account_that_is_wrong_or_missing_is_told_as_the_operators_part()
    {
        Assert.SkipUnless(Pebble.IsThere, "pebble is not installed (apt-get install pebble).");
        await using var path = await PathBench.StartAsync(database);
        await using var pebble = await StartAsync(path);
        var options = AcmeBench.For(pebble);
        using var missing = new AcmeBench(path, options with { EabKeyId = "", EabKey = new("") });
        using var wrong = new AcmeBench(path, options with { EabKey = new("d3Jvbmc") });

        foreach (var bench in new[] { missing, wrong })
        {
            var fault = await Assert.ThrowsAsync<CertificateAuthorityException>(
                () => bench.Authority.ReadAsync("https://127.0.0.1:1/order", Ct));
            Assert.Equal(CaFailure.CredentialRefused, fault.Failure);
        }

        using var right = new AcmeBench(path, options);
        Assert.NotNull(await right.Client.ThumbprintAsync(Ct));
    }

    private static async Task<Pebble> StartAsync(PathBench path)
    {
        var (_, node) = await path.NodeAsync("a");
        var pebble = await Pebble.StartAsync(node.Endpoint.Port);
        path.OtherAnchors = [await pebble.RootAsync(0), await pebble.RootAsync(1)];
        // Its certificates begin today.
        path.Clock.Advance(TimeProvider.System.GetUtcNow() - path.Clock.GetUtcNow());
        return pebble;
    }

    /// <summary>Turns every order when it is due, as the stages do, until all are handed to the nodes.</summary>
    private async Task RunAsync(PathBench path, IReadOnlyList<Order> orders, Order? except)
    {
        IReadOnlyList<Order> wanted = [.. orders.Where(order => order != except)];
        await Eventually.TrueAsync(() => TurnDueAsync(path, wanted), "all are issued");
    }

    /// <returns>True when none is left.</returns>
    private async Task<bool> TurnDueAsync(PathBench path, IReadOnlyList<Order> orders)
    {
        // The path's clock goes with the CA's, which sleeps in real time.
        if (TimeProvider.System.GetUtcNow() + _ahead - path.Clock.GetUtcNow() is { Ticks: > 0 } behind)
        {
            path.Clock.Advance(behind);
        }

        await using var db = path.Open();
        var ids = orders.Select(order => order.Id).ToList();
        var open = await db.Orders.AsNoTracking()
            .Where(order => ids.Contains(order.Id) && order.State != OrderState.PendingDeployment).ToListAsync(Ct);
        Assert.DoesNotContain(open, order => order.State == OrderState.Failed);
        var now = path.Clock.GetUtcNow();
        await Parallel.ForEachAsync(
            open.Where(order => order.NextAttemptAt <= now), new ParallelOptions { MaxDegreeOfParallelism = 16 },
            async (order, _) => await path.TurnAsync(order));
        return open.Count == 0;
    }
}
