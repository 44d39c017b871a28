namespace ControlPlane.Contracts;

/// <summary>Asks what would become of bundles that lie in a node's directory. Holds public facts only.</summary>
/// <param name="Code">The code of an open adoption; without one the answer has no <see cref="AdoptionSeal"/>, and is
/// the same apart from that.</param>
/// <param name="Bundles">At most <see cref="Routes.MaxPlannedPerCall"/>.</param>
public sealed record AdoptionPlanRequest(string? Code, IReadOnlyList<FoundBundle> Bundles)
{
    /// <summary>Prints no code.</summary>
    public override string ToString() => $"question about {Bundles?.Count ?? 0} bundles";
}

/// <summary>A bundle as it was found.</summary>
/// <param name="Hostname">The one name of its leaf.</param>
/// <param name="Fingerprint">SHA-256 of the leaf, 64 lower-case hexadecimal digits.</param>
public sealed record FoundBundle(string Hostname, string Fingerprint);

/// <summary>What would become of them.</summary>
/// <param name="Seal">What to seal private keys to; null without a code.</param>
/// <param name="Bundles">One for each that was asked about, in the same order.</param>
public sealed record AdoptionPlanAnswer(AdoptionSeal? Seal, IReadOnlyList<AdoptionVerdict> Bundles);

/// <summary>What private keys are sealed to, while an adoption is open.</summary>
/// <param name="Adoption">The adoption's id; part of what each seal is bound to.</param>
/// <param name="PublicKey">A P-256 key, as SubjectPublicKeyInfo DER.</param>
public sealed record AdoptionSeal(Guid Adoption, byte[] PublicKey);

/// <summary>What the control plane says about one bundle.</summary>
/// <param name="Hostname">Its name.</param>
/// <param name="Outcome">One of <see cref="AdoptionOutcomes"/>.</param>
/// <param name="Detail">A sentence for a person; null when the outcome says it all.</param>
public sealed record AdoptionVerdict(string Hostname, string Outcome, string? Detail);

/// <summary>What can become of a bundle that lies in a node's directory.</summary>
public static class AdoptionOutcomes
{
    /// <summary>Its registration waits for it.</summary>
    public const string WouldAdopt = "would-adopt";

    /// <summary>It was handed in, and is not proven by every node yet.</summary>
    public const string Adopting = "adopting";

    /// <summary>It is what the fleet serves for the name.</summary>
    public const string Adopted = "adopted";

    /// <summary>The node's fleet has no such name.</summary>
    public const string NotRegistered = "not-registered";

    /// <summary>The name is registered, and gets a certificate of its own.</summary>
    public const string NotAwaited = "not-awaited";

    /// <summary>The fleet has another bundle for the name, which stays.</summary>
    public const string OtherBundle = "other-bundle";

    /// <summary>It was looked at and not taken. Handing it in again has it looked at again.</summary>
    public const string Refused = "refused";
}

/// <summary>Hands bundles in.</summary>
/// <param name="Code">The code of an open adoption.</param>
/// <param name="Bundles">At most <see cref="Routes.MaxHandedInPerCall"/>.</param>
public sealed record HandInRequest(string Code, IReadOnlyList<HandedBundle> Bundles)
{
    /// <summary>Prints no code.</summary>
    public override string ToString() => $"{Bundles?.Count ?? 0} bundles";
}

/// <summary>One bundle to take over.</summary>
/// <param name="Hostname">The one name of its leaf.</param>
/// <param name="Leaf">The leaf certificate, DER.</param>
/// <param name="Chain">Intermediates as DER, the leaf's issuer first.</param>
/// <param name="Encapsulation">HPKE <c>enc</c>, 65 bytes.</param>
/// <param name="SealedKey">HPKE ciphertext of the private key as PKCS#8 DER, bound by
/// <see cref="Sealing.AdoptionBinding"/> to fleet, node, adoption, name and fingerprint.</param>
public sealed record HandedBundle(
    string Hostname, byte[] Leaf, IReadOnlyList<byte[]> Chain, byte[] Encapsulation, byte[] SealedKey);

/// <summary>What became of them.</summary>
/// <param name="Bundles">One for each that was handed in, in the same order.</param>
public sealed record HandInAnswer(IReadOnlyList<AdoptionVerdict> Bundles);
