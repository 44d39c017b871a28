using System.Net.Sockets;
using System.Text;

namespace ControlPlane.Tests.Http;

/// <summary>Requests as bytes, for what no client of .NET would send.</summary>
internal static class RawHttp
{
    public const string Start = "POST /v1/domains HTTP/1.1\r\nHost: api\r\nContent-Type: application/json\r\n";

    /// <summary>How many bytes came before the end; an end by reset is an end too.</summary>
    public static async Task<int> ReadAsync(Stream stream, CancellationToken ct)
    {
        try
        {
            return await stream.ReadAsync(new byte[4096], ct);
        }
        catch (IOException reset) when (reset.InnerException is SocketException)
        {
            return 0;
        }
    }

    public static async Task<string> AnswerAsync(ApiFixture api, string request)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        using var socket = await ConnectAsync(api);
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), deadline.Token);
        var bytes = new byte[4096];
        var count = 0;
        try
        {
            count = await stream.ReadAsync(bytes, deadline.Token);
        }
        catch (IOException closed)
        {
            return $"closed: {closed.Message}";
        }

        return Encoding.ASCII.GetString(bytes, 0, count);
    }

    public static async Task<TcpClient> ConnectAsync(ApiFixture api)
    {
        var socket = new TcpClient();
        await socket.ConnectAsync(api.Anonymous.BaseAddress!.Host, api.Anonymous.BaseAddress.Port);
        return socket;
    }
}
