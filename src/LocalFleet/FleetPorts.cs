using System.Net;
using System.Net.Sockets;

namespace LocalFleet;

/// <summary>Every TCP port a fleet listens on. All move together by one offset, so that fleets can run side by
/// side.</summary>
internal sealed record FleetPorts(int Offset)
{
    /// <summary>Above this a port would leave the range below 32768, where Linux takes ports for outgoing
    /// connections.</summary>
    public const int MaxOffset = 13_000;

    public int Dns => 5053 + Offset;

    public int Sandbox => 5090 + Offset;

    public int Postgres => 5439 + Offset;

    public int NlbHttps => 18440 + Offset;

    public int NlbHttp => 18080 + Offset;

    /// <param name="replica">From 1.</param>
    public int Api(int replica) => 5079 + replica + Offset;

    /// <param name="node">From 1.</param>
    public int NodeHttps(int node) => 18440 + node + Offset;

    /// <inheritdoc cref="NodeHttps"/>
    public int NodeHttp(int node) => 18080 + node + Offset;

    /// <inheritdoc cref="NodeHttps"/>
    public int NodeStatus(int node) => 19080 + node + Offset;

    /// <param name="application">From 1.</param>
    public int Application(int application) => 19440 + application + Offset;

    /// <summary>What listens where, for a fleet of this size.</summary>
    public IEnumerable<(int Port, string Use)> All(int nodes, int replicas)
    {
        yield return (Dns, "the sandbox DNS");
        yield return (Sandbox, "the sandbox CA");
        yield return (Postgres, "PostgreSQL");
        yield return (NlbHttps, "the NLB stand-in (HTTPS)");
        yield return (NlbHttp, "the NLB stand-in (HTTP)");
        yield return (Application(1), "app server 1");
        yield return (Application(2), "app server 2");
        for (var replica = 1; replica <= replicas; replica++)
        {
            yield return (Api(replica), replica == 1 ? "the API" : $"the API, replica {replica}");
        }

        for (var node = 1; node <= nodes; node++)
        {
            yield return (NodeHttps(node), $"node {node} (HTTPS)");
            yield return (NodeHttp(node), $"node {node} (HTTP)");
            yield return (NodeStatus(node), $"node {node}'s agent (metrics)");
        }
    }

    /// <summary>Found free once by this process: who got them may not listen yet.</summary>
    private static readonly HashSet<int> Given = [];

    /// <summary>A set of ports that nobody holds now, beside the usual ones: for tests.</summary>
    public static FleetPorts FindFree(int nodes, int replicas)
    {
        lock (Given)
        {
            var found = Find(nodes, replicas);
            Given.UnionWith(found.All(nodes, replicas).Select(p => p.Port));
            return found;
        }
    }

    private static FleetPorts Find(int nodes, int replicas)
    {
        var usual = new FleetPorts(0).All(nodes, replicas).Select(p => p.Port).ToHashSet();
        for (var attempt = 0; attempt < 100; attempt++)
        {
            var ports = new FleetPorts(Random.Shared.Next(1, MaxOffset / 20) * 20);
            if (ports.All(nodes, replicas).All(
                p => !usual.Contains(p.Port) && !Given.Contains(p.Port) && IsFree(p.Port)))
            {
                return ports;
            }
        }

        throw new FleetException("No offset leaves all of a fleet's ports free: too much listens on this machine.");
    }

    public static bool IsFree(int port)
    {
        try
        {
            using var tcp = new TcpListener(IPAddress.Any, port);
            tcp.Start();
            using var udp = new UdpClient(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException taken) when (taken.SocketErrorCode is SocketError.AddressAlreadyInUse)
        {
            return false;
        }
    }
}
