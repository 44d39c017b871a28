using System.Security.Cryptography;

namespace ControlPlane.Contracts.Sealing;

/// <summary>P-256 points as HPKE writes them: uncompressed, 0x04 ‖ X ‖ Y (RFC 9180 §7.1.1, SEC 1 §2.3.3).</summary>
internal static class HpkePoint
{
    private const int CoordinateBytes = 32;
    private const byte Uncompressed = 0x04;

    internal static byte[] Serialize(ECDiffieHellmanPublicKey key)
    {
        var point = key.ExportParameters().Q;
        return [Uncompressed, .. point.X!, .. point.Y!];
    }

    /// <summary>Reads a point; the import checks that it lies on the curve (RFC 9180 §7.1.4).</summary>
    /// <exception cref="CryptographicException">The bytes are no point of P-256.</exception>
    internal static ECDiffieHellman Deserialize(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Hpke.EncapsulationBytes || bytes[0] != Uncompressed)
        {
            throw new CryptographicException("The encapsulated key is not an uncompressed P-256 point.");
        }

        return ECDiffieHellman.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint
            {
                X = bytes.Slice(1, CoordinateBytes).ToArray(),
                Y = bytes[(1 + CoordinateBytes)..].ToArray(),
            },
        });
    }
}
