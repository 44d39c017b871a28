using System.Buffers.Binary;

namespace ControlPlane.Dns;

/// <summary>Messages on a stream: each has its length before it, two octets (RFC 1035 §4.2.2).</summary>
internal static class DnsTcp
{
    /// <exception cref="EndOfStreamException">The other side closed before the message was complete.</exception>
    public static async Task<byte[]> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        var length = new byte[2];
        await stream.ReadExactlyAsync(length, cancellationToken);
        var message = new byte[BinaryPrimitives.ReadUInt16BigEndian(length)];
        await stream.ReadExactlyAsync(message, cancellationToken);
        return message;
    }

    public static async Task WriteAsync(Stream stream, byte[] message, CancellationToken cancellationToken)
    {
        // One write: some servers read length and message with a single receive.
        var framed = new byte[message.Length + 2];
        BinaryPrimitives.WriteUInt16BigEndian(framed, checked((ushort)message.Length));
        message.CopyTo(framed.AsSpan(2));
        await stream.WriteAsync(framed, cancellationToken);
    }
}
