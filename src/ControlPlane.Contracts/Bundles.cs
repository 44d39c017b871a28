namespace ControlPlane.Contracts;

/// <summary>Asks for the bundles of domains, sealed for the calling node.</summary>
/// <param name="Domains">At most <see cref="Routes.MaxBundlesPerFetch"/> domain ids.</param>
/// <param name="KnownChains">Ids of chains the node already holds; they are not sent again.</param>
public sealed record FetchBundlesRequest(IReadOnlyList<Guid> Domains, IReadOnlyList<string> KnownChains);

/// <summary>The bundles this node should serve now.</summary>
/// <param name="Bundles">One per domain that has a bundle for this node's fleet.</param>
/// <param name="Chains">Chain id → intermediates as DER, leaf's issuer first. The id is the lower-case hexadecimal
/// SHA-256 over the concatenated DER, which the agent checks.</param>
/// <param name="Missing">Domains asked for that have no bundle to be given (withdrawn or revoked meanwhile, or never
/// published).</param>
public sealed record FetchBundlesResponse(
    IReadOnlyList<SealedBundle> Bundles,
    IReadOnlyDictionary<string, IReadOnlyList<byte[]>> Chains,
    IReadOnlyList<Guid> Missing);

/// <summary>A bundle whose private key only one node can open.</summary>
/// <param name="Domain">The domain's id.</param>
/// <param name="Hostname">The domain's name.</param>
/// <param name="Bundle">The bundle's id.</param>
/// <param name="Revision">Revision under which the fleet wants it.</param>
/// <param name="Fingerprint">SHA-256 of <paramref name="Leaf"/>, 64 lower-case hexadecimal digits.</param>
/// <param name="NotAfter">End of the leaf's validity, UTC.</param>
/// <param name="Leaf">The leaf certificate, DER.</param>
/// <param name="Chain">Id of its chain; see <see cref="FetchBundlesResponse.Chains"/>.</param>
/// <param name="SealingKey">Id of the node's sealing key it is sealed for; see <see cref="NodeKeys.IdOf"/>.</param>
/// <param name="Encapsulation">HPKE <c>enc</c>: the sender's ephemeral public key, 65 bytes.</param>
/// <param name="SealedKey">HPKE ciphertext of the private key as PKCS#8 DER, bound by
/// <see cref="Sealing.SealBinding"/> to fleet, node, node key, domain, bundle and fingerprint.</param>
public sealed record SealedBundle(
    Guid Domain,
    string Hostname,
    Guid Bundle,
    long Revision,
    string Fingerprint,
    DateTimeOffset NotAfter,
    byte[] Leaf,
    string Chain,
    string SealingKey,
    byte[] Encapsulation,
    byte[] SealedKey);
