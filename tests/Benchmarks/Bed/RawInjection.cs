using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using LocalFleet;

namespace Benchmarks.Bed;

/// <summary>
/// The yardstick of the agent: the runtime API's commands written to HAProxy's socket by a loop that does nothing else,
/// the four of a bundle in one write, replies read in order. Nothing is fetched, opened, written to disk, read back or
/// proven.
/// </summary>
internal static class RawInjection
{
    /// <summary>For one reply; an injection takes 3 ms.</summary>
    private const int ReplyLimitMilliseconds = 10_000;

    private static readonly byte[] Prompt = "\n> "u8.ToArray();

    /// <summary>Loads PEMs under <c>&lt;directory&gt;/&lt;prefix&gt;&lt;hostname&gt;.pem</c>, in memory only.</summary>
    /// <returns>Bundles a second.</returns>
    /// <exception cref="FleetException">HAProxy refused one.</exception>
    public static Task<double> LoadAsync(
        string socket, string directory, string prefix, IReadOnlyList<CertifiedDomain> domains) => RunAsync(
            socket, "Success!", 2,
            [.. domains.Select(domain =>
            {
                var path = PathOf(directory, prefix, domain);
                return (byte[])[
                    .. Encoding.ASCII.GetBytes($"new ssl cert {path}\nset ssl cert {path} <<\n"),
                    .. domain.Pem,
                    .. Encoding.ASCII.GetBytes(
                        $"\ncommit ssl cert {path}\nadd ssl crt-list {directory} {path}\n")];
            })],
            commands: 4);

    /// <summary>Takes them out again.</summary>
    public static Task<double> RemoveAsync(
        string socket, string directory, string prefix, IReadOnlyList<CertifiedDomain> domains) => RunAsync(
            socket, "deleted", 2,
            [.. domains.Select(domain =>
            {
                var path = PathOf(directory, prefix, domain);
                return Encoding.ASCII.GetBytes($"del ssl crt-list {directory} {path}\ndel ssl cert {path}\n");
            })],
            commands: 2);

    private static string PathOf(string directory, string prefix, CertifiedDomain domain) =>
        $"{directory}/{prefix}{domain.Domain.Hostname}.pem";

    /// <summary>On a thread of its own, blocking: the least that can be between two commands.</summary>
    private static Task<double> RunAsync(
        string path, string good, int goodReplies, IReadOnlyList<byte[]> requests, int commands) =>
        Task.Factory.StartNew(
            () =>
            {
                using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
                {
                    ReceiveTimeout = ReplyLimitMilliseconds,
                };
                var buffer = new byte[64 * 1024];
                socket.Connect(new UnixDomainSocketEndPoint(path));
                socket.Send("prompt\n"u8);
                Read(socket, buffer, 1);
                var watch = Stopwatch.StartNew();
                foreach (var request in requests)
                {
                    socket.Send(request);
                    var said = Encoding.ASCII.GetString(buffer, 0, Read(socket, buffer, commands));
                    if (said.Split(good).Length - 1 != goodReplies)
                    {
                        throw new FleetException($"HAProxy refused a bundle of the benchmark: {said}");
                    }
                }

                return requests.Count / watch.Elapsed.TotalSeconds;
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Reads until so many prompts came.</summary>
    private static int Read(Socket socket, byte[] buffer, int prompts)
    {
        var filled = 0;
        do
        {
            var read = socket.Receive(buffer.AsSpan(filled));
            if (read == 0)
            {
                throw new FleetException("HAProxy closed the connection of the benchmark.");
            }

            filled += read;
        }
        while (Count(buffer.AsSpan(0, filled)) < prompts);
        return filled;
    }

    private static int Count(ReadOnlySpan<byte> text)
    {
        var count = 0;
        for (int at; (at = text.IndexOf(Prompt)) >= 0; count++)
        {
            text = text[(at + Prompt.Length)..];
        }

        return count;
    }
}
