using System.Buffers.Binary;
using System.Text;

namespace ControlPlane.Contracts.Sealing;

/// <summary>Fields as bytes, each prefixed by its length, so that no two lists of fields share bytes.</summary>
internal static class Prefixed
{
    public static byte[] Join(params ReadOnlySpan<string> fields)
    {
        using var buffer = new MemoryStream();
        Span<byte> length = stackalloc byte[4];
        foreach (var field in fields)
        {
            var bytes = Encoding.UTF8.GetBytes(field);
            BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
            buffer.Write(length);
            buffer.Write(bytes);
        }

        return buffer.ToArray();
    }
}
