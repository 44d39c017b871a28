using System.Net.Sockets;
using System.Text;

namespace EndToEnd.Tests.Harness;

/// <summary>HAProxy's runtime API as an operator with socat would ask it: what memory holds, by HAProxy's own
/// word.</summary>
internal static class RuntimeSocket
{
    public static async Task<string> AskAsync(string socket, string command)
    {
        using var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket));
        await connection.SendAsync(Encoding.ASCII.GetBytes(command + "\n"));
        await using var stream = new NetworkStream(connection);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return await reader.ReadToEndAsync();
    }
}
