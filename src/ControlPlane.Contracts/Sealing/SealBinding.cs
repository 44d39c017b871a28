namespace ControlPlane.Contracts.Sealing;

/// <summary>
/// What a sealed key is bound to: it opens for this node, as this bundle of this domain, and as nothing else. The
/// revision is left out on purpose: a bundle may be delivered again under a later one.
/// </summary>
/// <param name="Fleet">The node's fleet.</param>
/// <param name="Node">The node.</param>
/// <param name="SealingKey">Id of the node's sealing key.</param>
/// <param name="Domain">The domain.</param>
/// <param name="Bundle">The bundle.</param>
/// <param name="Fingerprint">SHA-256 of the leaf, lower-case hexadecimal.</param>
public sealed record SealBinding(
    Guid Fleet,
    Guid Node,
    string SealingKey,
    Guid Domain,
    Guid Bundle,
    string Fingerprint)
{
    /// <summary>HPKE's <c>info</c>: names protocol and version, so that a seal of another kind never opens
    /// here.</summary>
    public static ReadOnlySpan<byte> HpkeInfo => "controlplane bundle seal v1"u8;

    /// <summary>The additional authenticated data: each field prefixed by its length, so that no two bindings share
    /// bytes.</summary>
    public byte[] ToAdditionalData() =>
        Prefixed.Join($"{Fleet:N}", $"{Node:N}", SealingKey, $"{Domain:N}", $"{Bundle:N}", Fingerprint);
}
