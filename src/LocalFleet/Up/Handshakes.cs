using System.Collections.Concurrent;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace LocalFleet.Up;

/// <param name="Verified">Handshakes that showed the certificate that the API names, on a chain to the sandbox's
/// root.</param>
/// <param name="Failures">One sentence for each that did not.</param>
internal sealed record HandshakeProofs(int Verified, IReadOnlyList<string> Failures);

/// <summary>Looks for itself, as a visitor of each node would: nothing that an agent reported is taken for
/// granted.</summary>
internal static class Handshakes
{
    // 3 s: on loopback a handshake takes milliseconds. 10 s in all: a node that was just restarted may still be
    // loading.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>One handshake for each active domain on each node.</summary>
    public static async Task<HandshakeProofs> ProveAsync(
        Fleet fleet, IReadOnlyList<DomainView> domains, CancellationToken cancellation)
    {
        using var root = X509Certificate2.CreateFromPem(
            await File.ReadAllTextAsync(fleet.Layout.RootCertificate, cancellation));
        var failures = new ConcurrentBag<string>();
        var verified = 0;
        var visits = from domain in domains
                     where domain.IsActive
                     from node in Enumerable.Range(1, fleet.Options.Nodes)
                     select (Domain: domain, Node: node);
        var bound = new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = cancellation };
        await Parallel.ForEachAsync(visits, bound, async (visit, stop) =>
        {
            var port = fleet.Options.Ports.NodeHttps(visit.Node);
            if (await FaultAsync(port, visit.Domain.Hostname, visit.Domain.Fingerprint, root, stop) is { } fault)
            {
                failures.Add($"{visit.Domain.Hostname} on node {visit.Node}: {fault}");
            }
            else
            {
                Interlocked.Increment(ref verified);
            }
        });
        return new HandshakeProofs(verified, [.. failures.Order(StringComparer.Ordinal)]);
    }

    /// <summary>The SHA-256 of the leaf that a visitor is shown for this name, in lower-case hexadecimal.</summary>
    /// <param name="port">The node's, on loopback.</param>
    /// <param name="hostname">The name.</param>
    /// <param name="root">What its chain must lead to.</param>
    /// <param name="cancellation">Ends the visit.</param>
    /// <param name="only">The one version of TLS the visitor speaks; none: any.</param>
    /// <exception cref="AuthenticationException">The node refused the name or the version, or its chain does not
    /// lead to the root.</exception>
    /// <exception cref="IOException">The connection ended.</exception>
    public static async Task<string> VisitAsync(
        int port, string hostname, X509Certificate2 root, CancellationToken cancellation,
        SslProtocols only = SslProtocols.None)
    {
        using var limit = new CancellationTokenSource(Limit, TimeProvider.System);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        using var tcp = new TcpClient();
        await tcp.ConnectAsync("127.0.0.1", port, both.Token);
        await using var tls = new SslStream(tcp.GetStream());
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = hostname,
                EnabledSslProtocols = only,
                // A resumed session would report the leaf of the first handshake.
                AllowTlsResume = false,
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    CustomTrustStore = { root },
                    RevocationMode = X509RevocationMode.NoCheck,
                    DisableCertificateDownloads = true,
                },
            },
            both.Token);
        return Convert.ToHexStringLower(SHA256.HashData(tls.RemoteCertificate!.GetRawCertData()));
    }

    private static async Task<string?> FaultAsync(
        int port, string hostname, string? fingerprint, X509Certificate2 root, CancellationToken cancellation)
    {
        var time = TimeProvider.System;
        var started = time.GetTimestamp();
        while (true)
        {
            string fault;
            try
            {
                var seen = await VisitAsync(port, hostname, root, cancellation);
                if (seen == fingerprint)
                {
                    return null;
                }

                fault = $"showed {seen}, the API says {fingerprint ?? "nothing"}";
            }
            catch (Exception e) when (e is AuthenticationException or IOException or SocketException
                || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
            {
                fault = e.Message;
            }

            if (time.GetElapsedTime(started) > Patience)
            {
                return fault;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(250), time, cancellation);
        }
    }
}
