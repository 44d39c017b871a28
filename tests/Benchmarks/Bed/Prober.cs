using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;

namespace Benchmarks.Bed;

/// <summary>A visitor who opens one connection after the other, without pause: each a full handshake with the name of a
/// random domain.</summary>
/// <param name="listener">The node's TLS listener.</param>
/// <param name="isRight">Whether a fingerprint may be shown for a hostname now.</param>
internal sealed class Prober(IPEndPoint listener, Func<string, string, bool> isRight)
{
    /// <summary>As the agent's own handshakes: on loopback one takes milliseconds.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    private readonly ConcurrentBag<double> _milliseconds = [];
    private readonly ConcurrentQueue<string> _failures = [];

    public int Handshakes => _milliseconds.Count;

    public IReadOnlyCollection<string> Failures => _failures;

    public Spread Milliseconds => Spread.Of(_milliseconds);

    /// <summary>Probes until <paramref name="work"/> is done.</summary>
    public async Task WhileAsync(IReadOnlyList<string> hostnames, Task work, CancellationToken stop)
    {
        var time = TimeProvider.System;
        while (!work.IsCompleted)
        {
            stop.ThrowIfCancellationRequested();
            var hostname = hostnames[Random.Shared.Next(hostnames.Count)];
            var began = time.GetTimestamp();
            try
            {
                var shown = await VisitAsync(hostname, stop);
                _milliseconds.Add(time.GetElapsedTime(began).TotalMilliseconds);
                if (!isRight(hostname, shown))
                {
                    _failures.Enqueue($"{hostname} showed {shown}");
                }
            }
            catch (Exception fault) when (fault is AuthenticationException or IOException or SocketException
                || (fault is OperationCanceledException && !stop.IsCancellationRequested))
            {
                _failures.Enqueue($"{hostname}: {fault.Message}");
            }
        }

        await work;
    }

    /// <summary>The fingerprint that the listener shows for a name.</summary>
    public async Task<string> VisitAsync(string hostname, CancellationToken stop)
    {
        using var timer = new CancellationTokenSource(Limit, TimeProvider.System);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop, timer.Token);
        using var tcp = new Socket(listener.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await tcp.ConnectAsync(listener, deadline.Token);
        await using var tls = new SslStream(new NetworkStream(tcp, ownsSocket: false));
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = hostname,
                // A resumed session would report the leaf of an earlier handshake.
                AllowTlsResume = false,
                // The fingerprint tells which certificate it is; building its chain is no part of the listener's time.
                RemoteCertificateValidationCallback = (_, _, _, _) => true,
                CertificateChainPolicy = new System.Security.Cryptography.X509Certificates.X509ChainPolicy
                {
                    DisableCertificateDownloads = true,
                },
            },
            deadline.Token);
        return Convert.ToHexStringLower(SHA256.HashData(tls.RemoteCertificate!.GetRawCertData()));
    }
}
