using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace LocalFleet.Up;

/// <summary>Visits every name on every node, round and round without a pause, until it is asked what it saw.</summary>
internal sealed class HandshakeProber : IAsyncDisposable
{
    /// <summary>Visits at a time: it must not be what two cores are busy with.</summary>
    private const int Visitors = 2;

    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _failures = new();
    private readonly Task _visits;
    private int _handshakes;

    private HandshakeProber(IReadOnlyList<(string Hostname, int Port)> places, X509Certificate2 root) =>
        _visits = Task.WhenAll(Enumerable.Range(0, Visitors).Select(nth => VisitAsync(places, nth, root)));

    /// <summary>Handshakes that showed a certificate of the name, on a chain to the sandbox's root.</summary>
    public int Handshakes => Volatile.Read(ref _handshakes);

    /// <summary>One sentence for each that did not.</summary>
    public IReadOnlyCollection<string> Failures => _failures;

    public static async Task<HandshakeProber> StartAsync(
        Fleet fleet, IEnumerable<string> hostnames, CancellationToken cancellation)
    {
        var root = X509Certificate2.CreateFromPem(
            await File.ReadAllTextAsync(fleet.Layout.RootCertificate, cancellation));
        var places = from hostname in hostnames
                     from node in Enumerable.Range(1, fleet.Options.Nodes)
                     select (hostname, fleet.Options.Ports.NodeHttps(node));
        return new HandshakeProber([.. places], root);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _visits;
        _stop.Dispose();
    }

    private async Task VisitAsync(IReadOnlyList<(string Hostname, int Port)> places, int nth, X509Certificate2 root)
    {
        await Task.Yield();
        for (var next = nth; !_stop.IsCancellationRequested; next += Visitors)
        {
            var (hostname, port) = places[next % places.Count];
            try
            {
                await Up.Handshakes.VisitAsync(port, hostname, root, _stop.Token);
                Interlocked.Increment(ref _handshakes);
            }
            catch (Exception e) when (e is AuthenticationException or IOException or SocketException
                or OperationCanceledException)
            {
                // A visit that the end cuts off says nothing.
                if (!_stop.IsCancellationRequested)
                {
                    _failures.Enqueue($"{hostname} at port {port}: {e.Message}");
                }
            }
        }
    }
}
