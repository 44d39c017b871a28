using System.Security.Cryptography;
using SyncAgent.ControlPlaneApi;
using SyncAgent.Syncing;

namespace SyncAgent.Tests.Syncing;

/// <summary>How long an agent stays away when it is asked to, and that a fleet does not come back as one.</summary>
public sealed class BackoffTests
{
    /// <summary>Fails when the header is not read, or read as nothing.</summary>
    [Fact]
    public async Task What_the_api_asks_to_wait_is_heard()
    {
        await using var api = await ApiStandIn.Start();
        (api.IsAway, api.RetryAfter) = (true, "7");
        using var http = AgentHost.MakeHttpClient(api.Address);
        using var identity = new NodeIdentity(
            new NodeCard(Guid.NewGuid(), Guid.NewGuid(), "test", "node-1"),
            ECDsa.Create(ECCurve.NamedCurves.nistP256),
            ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256));
        var client = new ApiClient(http, new TokenSigner(identity, TimeProvider.System), TimeProvider.System);

        var away = await Assert.ThrowsAsync<ApiUnavailableException>(
            () => client.GetDesiredState(null, 0, CancellationToken.None));

        Assert.Equal(TimeSpan.FromSeconds(7), away.RetryAfter);
    }

    /// <summary>Fails when agents come back before they were asked to, all at the same moment, or a year
    /// late.</summary>
    [Theory]
    [InlineData(30, 30)]
    [InlineData(31_536_000, 3600)]
    public void An_asked_wait_is_kept_spread_upwards_and_capped_at_an_hour(int asked, int least)
    {
        var waits = Enumerable.Range(0, 200)
            .Select(_ => Backoff.ForApi().Failed(TimeSpan.FromSeconds(asked)).TotalSeconds)
            .ToArray();

        Assert.All(waits, wait => Assert.InRange(wait, least, least * 1.2));
        Assert.True(waits.Max() - waits.Min() > least * 0.05);
    }

    [Fact]
    public void Jitter_is_a_fifth_to_both_sides()
    {
        var spread = Enumerable.Range(0, 500)
            .Select(_ => Jitter.Spread(TimeSpan.FromSeconds(10)).TotalSeconds)
            .ToArray();

        Assert.All(spread, seconds => Assert.InRange(seconds, 8, 12));
        Assert.True(spread.Max() > 11 && spread.Min() < 9);
    }
}
