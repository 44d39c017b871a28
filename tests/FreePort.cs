using System.Net;
using System.Net.Sockets;

namespace Tests;

/// <summary>
/// Ports for programs that a test starts as children. Port 0 will not do for them: what it gives lies where Linux
/// takes ports for outgoing connections, so that one of those may hold it by the time the child listens.
/// </summary>
internal static class FreePort
{
    // Below the ports of every fleet, and of outgoing connections.
    private const int First = 1100;
    private const int End = 5000;

    private static readonly Lock Gate = new();
    private static readonly HashSet<int> Given = [];

    /// <summary>A TCP and UDP port on loopback that nobody holds now and that this process was not given
    /// before.</summary>
    /// <exception cref="InvalidOperationException">Too many are taken.</exception>
    public static int Next()
    {
        lock (Gate)
        {
            for (var attempt = 0; attempt < End - First; attempt++)
            {
                var port = Random.Shared.Next(First, End);
                if (!Given.Contains(port) && IsFree(port))
                {
                    Given.Add(port);
                    return port;
                }
            }
        }

        throw new InvalidOperationException($"Hardly a port between {First} and {End} is free on this machine.");
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var tcp = new TcpListener(IPAddress.Loopback, port);
            tcp.Start();
            using var udp = new UdpClient(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException taken) when (taken.SocketErrorCode is SocketError.AddressAlreadyInUse)
        {
            return false;
        }
    }
}
