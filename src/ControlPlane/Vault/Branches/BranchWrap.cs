using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace ControlPlane.Vault.Branches;

/// <summary>
/// A data key wrapped under a branch key: version 1, the length of the sealed branch (2 bytes, big-endian), the sealed
/// branch, a nonce, AES-256-GCM of the data key. Root and branch are bound, so that a wrap opens under no other.
/// </summary>
internal sealed class BranchWrap
{
    private const byte Version = 1;
    private const int Prefix = 3;
    private readonly byte[] _nonce;
    private readonly byte[] _box;

    private BranchWrap(byte[] sealedBranch, byte[] nonce, byte[] box)
    {
        (SealedBranch, _nonce, _box) = (sealedBranch, nonce, box);
        Branch = NameOf(sealedBranch);
    }

    /// <summary>Names the branch in memory.</summary>
    public string Branch { get; }

    public byte[] SealedBranch { get; }

    public static string NameOf(byte[] sealedBranch) => Convert.ToHexStringLower(SHA256.HashData(sealedBranch));

    public static byte[] Seal(string root, byte[] branch, byte[] sealedBranch, byte[] dataKey)
    {
        Span<byte> length = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(length, checked((ushort)sealedBranch.Length));
        var nonce = RandomNumberGenerator.GetBytes(AesGcmBox.NonceBytes);
        var box = AesGcmBox.Seal(branch, nonce, dataKey, Binding(root, sealedBranch));
        return [Version, .. length, .. sealedBranch, .. nonce, .. box];
    }

    /// <exception cref="VaultException">It is no such wrap.</exception>
    public static BranchWrap Parse(byte[] wrapped)
    {
        if (wrapped.Length > Prefix && wrapped[0] == Version)
        {
            var branch = BinaryPrimitives.ReadUInt16BigEndian(wrapped.AsSpan(1));
            var nonce = Prefix + branch;
            if (wrapped.Length > nonce + AesGcmBox.NonceBytes)
            {
                return new BranchWrap(
                    wrapped[Prefix..nonce], wrapped[nonce..(nonce + AesGcmBox.NonceBytes)],
                    wrapped[(nonce + AesGcmBox.NonceBytes)..]);
            }
        }

        throw new VaultException("A wrapped data key cannot be read: it was altered or belongs elsewhere.");
    }

    /// <exception cref="VaultException">Another branch, or altered bytes.</exception>
    public byte[] Open(string root, ReadOnlySpan<byte> branch)
    {
        try
        {
            return AesGcmBox.Open(branch, _nonce, _box, Binding(root, SealedBranch));
        }
        catch (CryptographicException fault)
        {
            throw new VaultException("A wrapped data key does not open: it was altered or belongs elsewhere.", fault);
        }
    }

    /// <summary>All but the root's id is of fixed length, so that no two bindings share bytes.</summary>
    private static byte[] Binding(string root, byte[] sealedBranch) =>
        [.. "branch v1"u8, .. SHA256.HashData(sealedBranch), .. Encoding.UTF8.GetBytes(root)];
}
