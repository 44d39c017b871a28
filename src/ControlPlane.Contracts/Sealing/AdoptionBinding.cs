namespace ControlPlane.Contracts.Sealing;

/// <summary>What the seal of an adopted key is bound to: it opens for this name and leaf within this adoption, as
/// handed in by this node, and as nothing else.</summary>
/// <param name="Fleet">The node's fleet.</param>
/// <param name="Node">The node.</param>
/// <param name="Adoption">The open adoption.</param>
/// <param name="Hostname">The name.</param>
/// <param name="Fingerprint">SHA-256 of the leaf, lower-case hexadecimal.</param>
public sealed record AdoptionBinding(Guid Fleet, Guid Node, Guid Adoption, string Hostname, string Fingerprint)
{
    /// <summary>HPKE's <c>info</c>: names protocol and version.</summary>
    public static ReadOnlySpan<byte> HpkeInfo => "controlplane adopted key v1"u8;

    /// <summary>The additional authenticated data.</summary>
    public byte[] ToAdditionalData() =>
        Prefixed.Join($"{Fleet:N}", $"{Node:N}", $"{Adoption:N}", Hostname, Fingerprint);
}
