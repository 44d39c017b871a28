using SyncAgent.Tests.HAProxy;

namespace SyncAgent.Tests.Syncing;

/// <summary>What the tests of a whole agent stand on: a real HAProxy, and a stand-in for the control plane.</summary>
public abstract class AgentTests : IAsyncLifetime
{
    private protected TestAuthority Authority { get; } = new();

    private protected RealHaproxy Proxy { get; private set; } = null!;

    private protected ApiStandIn Api { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Proxy = await RealHaproxy.Start();
        Api = await ApiStandIn.Start();
    }

    public async ValueTask DisposeAsync()
    {
        await Api.DisposeAsync();
        await Proxy.DisposeAsync();
        Authority.Dispose();
        GC.SuppressFinalize(this);
    }
}
