using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.Contracts;
using ControlPlane.Contracts.Sealing;
using SyncAgent.ControlPlaneApi;
using SyncAgent.HAProxy;

namespace SyncAgent.Syncing;

/// <summary>A bundle that was opened, or refused with the cause. Whoever gets it disposes of the payload.</summary>
internal sealed record OpenedBundle(PemPayload? Payload, NodeError? Error);

/// <summary>Asks for bundles, opens their seals with the node's own key, and believes nothing it did not
/// check.</summary>
internal sealed class BundleSource(ApiClient api, NodeIdentity identity)
{
    /// <summary>Chains are few (one per issuing CA) and are sent once.</summary>
    private readonly ConcurrentDictionary<string, IReadOnlyList<byte[]>> _chains = new(StringComparer.Ordinal);

    /// <summary>Sealed still: a key is in the clear only while its bundle is being loaded.</summary>
    /// <param name="domains">At most <see cref="Routes.MaxBundlesPerFetch"/>.</param>
    /// <param name="cancel">Ends the call.</param>
    /// <exception cref="ApiUnavailableException">The API could not be asked.</exception>
    public async Task<IReadOnlyDictionary<Guid, SealedBundle>> Fetch(
        IReadOnlyList<Guid> domains, CancellationToken cancel)
    {
        var response = await api.FetchBundles(new FetchBundlesRequest(domains, [.. _chains.Keys]), cancel);
        foreach (var (id, chain) in response.Chains)
        {
            // A chain under another chain's id would stay wrong for every bundle that names it.
            if (id == Convert.ToHexStringLower(SHA256.HashData([.. chain.SelectMany(der => der)])))
            {
                _chains[id] = chain;
            }
        }

        return response.Bundles
            .DistinctBy(bundle => bundle.Domain)
            .ToDictionary(bundle => bundle.Domain);
    }

    public OpenedBundle Open(SealedBundle bundle)
    {
        if (!_chains.TryGetValue(bundle.Chain, out var chain))
        {
            return Refuse(NodeErrorCodes.BundleMismatch, "The bundle names a chain that was not delivered.");
        }

        if (Convert.ToHexStringLower(SHA256.HashData(bundle.Leaf)) != bundle.Fingerprint)
        {
            return Refuse(
                NodeErrorCodes.BundleMismatch, "The leaf is not the one whose fingerprint is listed.");
        }

        try
        {
            using var leaf = X509CertificateLoader.LoadCertificate(bundle.Leaf);
            return IsFor(bundle, leaf)
                ? Open(bundle, leaf, chain)
                : Refuse(
                    NodeErrorCodes.BundleMismatch, $"The leaf's subject alternative names lack {bundle.Hostname}.");
        }
        catch (CryptographicException unreadable)
        {
            return Refuse(NodeErrorCodes.BundleMismatch, unreadable.Message);
        }
    }

    private OpenedBundle Open(SealedBundle bundle, X509Certificate2 leaf, IReadOnlyList<byte[]> chain)
    {
        byte[]? pkcs8 = null;
        try
        {
            var binding = new SealBinding(
                identity.Card.Fleet,
                identity.Card.Node,
                identity.SealingKeyId,
                bundle.Domain,
                bundle.Bundle,
                bundle.Fingerprint);
            pkcs8 = Hpke.Open(
                identity.Sealing,
                bundle.Encapsulation,
                SealBinding.HpkeInfo,
                binding.ToAdditionalData(),
                bundle.SealedKey);
        }
        catch (CryptographicException)
        {
            return Refuse(
                NodeErrorCodes.SealBroken, "The seal does not open with this node's key for this bundle.");
        }

        try
        {
            var issuers = chain.Select(der => new ReadOnlyMemory<byte>(der)).ToArray();
            return new OpenedBundle(PemPayload.FromDer(leaf, issuers, pkcs8), null);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(pkcs8);
        }
    }

    /// <summary>RFC 6125 §6.4.4: the names a visitor compares are those of the SAN; the common name is not
    /// asked.</summary>
    private static bool IsFor(SealedBundle bundle, X509Certificate2 leaf) =>
        HostnameSyntax.IsValid(bundle.Hostname)
        && leaf.MatchesHostname(bundle.Hostname, allowWildcards: true, allowCommonName: false);

    private static OpenedBundle Refuse(string code, string detail) => new(null, new NodeError(code, detail));
}
