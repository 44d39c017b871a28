using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace SyncAgent.Verification;

/// <summary>What a visitor of this name gets from the node's own listener.</summary>
/// <param name="Fingerprint">SHA-256 of the served leaf; null when there was no handshake.</param>
/// <param name="Fault">Why a visitor would not accept it; null when it would.</param>
/// <param name="IsUnknownName">The listener refused the name itself, as it should after a removal.</param>
/// <param name="IsVersionRefused">The listener refused the version of TLS.</param>
internal sealed record HandshakeResult(
    string? Fingerprint, string? Fault, bool IsUnknownName = false, bool IsVersionRefused = false);

/// <summary>The last word on what is served. HAProxy's "Success" is not.</summary>
/// <param name="listener">The node's own TLS port.</param>
/// <param name="extraRoots">Trusted beside the system's roots.</param>
/// <param name="time">Judges validity dates, and measures the limit.</param>
internal sealed class ListenerHandshake(IPEndPoint listener, X509Certificate2Collection extraRoots, TimeProvider time)
    : IDisposable
{
    /// <summary>On loopback a handshake takes milliseconds; beyond this the listener is not serving.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    /// <summary>Enough to keep both ends busy; more would only take the listener's time from visitors.</summary>
    private const int AtOnce = 4;

    private readonly SemaphoreSlim _visits = new(AtOnce, AtOnce);

    /// <summary>Building a chain is a quarter of a handshake's cost: the likelier roots come first.</summary>
    private X509ChainTrustMode FirstTrust =>
        extraRoots.Count > 0 ? X509ChainTrustMode.CustomRootTrust : X509ChainTrustMode.System;

    public Task<HandshakeResult> Visit(string hostname, CancellationToken cancel) =>
        Visit(hostname, SslProtocols.None, cancel);

    /// <summary>As a visitor who speaks nothing newer.</summary>
    public Task<HandshakeResult> VisitInTls12(string hostname, CancellationToken cancel) =>
        Visit(hostname, SslProtocols.Tls12, cancel);

    /// <param name="hostname">The name.</param>
    /// <param name="only">The version to speak; none: whatever the system speaks.</param>
    /// <param name="cancel">Ends the visit.</param>
    private async Task<HandshakeResult> Visit(string hostname, SslProtocols only, CancellationToken cancel)
    {
        await _visits.WaitAsync(cancel);
        try
        {
            return await VisitNow(hostname, only, cancel);
        }
        finally
        {
            _visits.Release();
        }
    }

    public void Dispose() => _visits.Dispose();

    private async Task<HandshakeResult> VisitNow(string hostname, SslProtocols only, CancellationToken cancel)
    {
        using var timer = new CancellationTokenSource(Limit, time);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancel, timer.Token);
        string? fingerprint = null;
        string? fault = null;
        try
        {
            using var tcp = new Socket(listener.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await tcp.ConnectAsync(listener, deadline.Token);
            await using var tls = new SslStream(new NetworkStream(tcp, ownsSocket: false));
            var options = new SslClientAuthenticationOptions
            {
                TargetHost = hostname,
                EnabledSslProtocols = only,
                // SslStream resumes by default and then reports the leaf of the earlier handshake.
                AllowTlsResume = false,
                CertificateChainPolicy = Policy(FirstTrust),
                RemoteCertificateValidationCallback = (_, leaf, chain, errors) =>
                {
                    fingerprint = Convert.ToHexStringLower(SHA256.HashData(leaf!.GetRawCertData()));
                    fault = Judge((X509Certificate2)leaf, chain!, errors);
                    return fault is null;
                },
            };
            await tls.AuthenticateAsClientAsync(options, deadline.Token);
            return new HandshakeResult(fingerprint, fault);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return new HandshakeResult(null, $"No handshake within {Limit.TotalSeconds:0} s.");
        }
        catch (Exception refused) when (refused is AuthenticationException or IOException or SocketException)
        {
            var said = refused.InnerException?.InnerException?.Message ?? refused.InnerException?.Message
                ?? refused.Message;
            // RFC 6066 §3: alert 112, unrecognized_name.
            var isUnknown = refused.ToString().Contains("unrecognized name", StringComparison.OrdinalIgnoreCase);
            // RFC 5246 §7.2: alert 70, protocol_version.
            var isVersion = refused.ToString().Contains("alert protocol version", StringComparison.OrdinalIgnoreCase);
            return new HandshakeResult(
                fingerprint, fault ?? $"The handshake failed: {said}", isUnknown, isVersion);
        }
    }

    private string? Judge(X509Certificate2 leaf, X509Chain chain, SslPolicyErrors errors)
    {
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
        {
            return "The served certificate does not carry the name.";
        }

        if (!errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
        {
            return null;
        }

        // Not of the roots given beside the system's: perhaps of the system's.
        using var other = new X509Chain { ChainPolicy = Policy(X509ChainTrustMode.System) };
        // What the listener sent, and nothing a cache or a download could add: a visitor may have neither.
        other.ChainPolicy.ExtraStore.AddRange(chain.ChainPolicy.ExtraStore);
        return FirstTrust != X509ChainTrustMode.System && other.Build(leaf)
            ? null
            : "The served chain does not lead to a trusted root: "
                + string.Join(
                    ", ", other.ChainStatus.Concat(chain.ChainStatus).Select(status => status.Status).Distinct());
    }

    private X509ChainPolicy Policy(X509ChainTrustMode trust)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = trust,
            // A hanging AIA or CRL host would cost 15 s and prove nothing about this node.
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
            VerificationTime = time.GetUtcNow().UtcDateTime,
            VerificationTimeIgnored = false,
        };
        if (trust == X509ChainTrustMode.CustomRootTrust)
        {
            policy.CustomTrustStore.AddRange(extraRoots);
        }

        return policy;
    }
}
