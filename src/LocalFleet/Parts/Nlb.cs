using System.Text;
using LocalFleet.Processes;

namespace LocalFleet.Parts;

/// <summary>
/// A <b>stand-in</b> for the network load balancer: HAProxy in TCP mode. It speaks PROXY v2 to the nodes from
/// 127.0.0.2, so that they can tell it from a visitor on loopback, and sends nobody to a node whose agent is not ready.
/// </summary>
internal sealed class Nlb(FleetLayout layout, FleetOptions options) : Part("nlb", layout)
{
    /// <summary>The only address from which the nodes take PROXY.</summary>
    public const string Source = "127.0.0.2";

    protected override Task<ChildStart> DescribeAsync(CancellationToken cancellation)
    {
        File.WriteAllText(Layout.NlbConfiguration, Configuration());
        string[] arguments = ["-W", "-f", Layout.NlbConfiguration];
        return Task.FromResult(new ChildStart(Programs.Haproxy, arguments) { DeathSignal = Signals.Terminate });
    }

    protected override Task<bool> IsReadyAsync(CancellationToken cancellation) =>
        Probe.ConnectsAsync(options.Ports.NlbHttp, cancellation);

    private string Configuration()
    {
        var text = new StringBuilder($"""
            # Written by LocalFleet: a stand-in for a network load balancer.
            global
                log stderr format raw local0 notice
                maxconn 1500

            defaults
                mode tcp
                log global
                timeout connect 5s
                timeout client 1m
                timeout server 1m
                source {Source}
                option httpchk GET /.well-known/node-ready
                http-check expect status 200
                # The check goes to another port, which makes HAProxy forget PROXY unless it is asked for.
                default-server send-proxy-v2 check check-send-proxy inter 1s fastinter 250ms fall 2 rise 1

            frontend https
                bind {options.Bind}:{options.Ports.NlbHttps}
                default_backend nodes_https

            frontend http
                bind {options.Bind}:{options.Ports.NlbHttp}
                default_backend nodes_http

            """);
        foreach (var (backend, port) in new (string, Func<int, int>)[]
        {
            ("nodes_https", options.Ports.NodeHttps), ("nodes_http", options.Ports.NodeHttp),
        })
        {
            text.Append($"\nbackend {backend}\n    balance roundrobin\n");
            for (var node = 1; node <= options.Nodes; node++)
            {
                text.Append($"    server node{node} 127.0.0.1:{port(node)} port {options.Ports.NodeHttp(node)}\n");
            }
        }

        return text.ToString();
    }
}
