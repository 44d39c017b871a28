using System.IO.Compression;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using ControlPlane.Contracts;
using LocalFleet;
using Npgsql;
using SyncAgent.ControlPlaneApi;

namespace Benchmarks.Bed;

/// <summary>An answer as it came over the wire.</summary>
/// <param name="Body">Unpacked.</param>
/// <param name="WireBytes">Of the body as it was sent, packed or not.</param>
/// <param name="Took">From the request to the last byte.</param>
/// <param name="At">Time stamp of the last byte.</param>
internal sealed record Answer(byte[] Body, int WireBytes, TimeSpan Took, long At)
{
    public DesiredStatePage Page => JsonSerializer.Deserialize(Body, ContractsJson.Default.DesiredStatePage)!;
}

/// <summary>The agent's side of the wire for one node: signed as the agent signs, and its bytes counted.</summary>
internal sealed class BenchNode : IDisposable
{
    private readonly NodeIdentity _identity;
    private readonly TokenSigner _signer;

    private BenchNode(NodeIdentity identity) =>
        (_identity, _signer) = (identity, new TokenSigner(identity, TimeProvider.System));

    /// <summary>Connections as the agent makes them, one for each poll that waits; nothing is unpacked.</summary>
    public static HttpClient Client(Uri api) => new(new SocketsHttpHandler { UseProxy = false })
    {
        BaseAddress = api,
        Timeout = Timeout.InfiniteTimeSpan,
    };

    /// <summary>Nodes that joined the fleet, without the way through join codes.</summary>
    public static async Task<IReadOnlyList<BenchNode>> JoinAsync(
        NpgsqlDataSource database, Guid fleet, int count, CancellationToken stop)
    {
        // Nobody opens a seal here: one sealing key does for all.
        var sealing = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var sealingKey = sealing.ExportSubjectPublicKeyInfo();
        List<BenchNode> nodes = [];
        await using var connection = await database.OpenConnectionAsync(stop);
        foreach (var number in Enumerable.Range(1, count))
        {
            var signing = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var identity = new NodeIdentity(
                new NodeCard(Guid.CreateVersion7(), fleet, "local", $"bench-{number}"), signing, sealing);
            // Joining: such a node is waited for by nobody and never counts as lost.
            await using var command = new NpgsqlCommand(
                """
                INSERT INTO nodes (id, fleet_id, name, standing, http_endpoint, signing_key, signing_key_id,
                                   sealing_key, sealing_key_id, agent_version, joined_at, last_seen_at)
                VALUES ($1, $2, $3, 'Joining', '127.0.0.1:1', $4, $5, $6, $7, 'bench', now(), now())
                """,
                connection);
            command.Parameters.Add(new() { Value = identity.Card.Node });
            command.Parameters.Add(new() { Value = fleet });
            command.Parameters.Add(new() { Value = identity.Card.Name });
            command.Parameters.Add(new() { Value = signing.ExportSubjectPublicKeyInfo() });
            command.Parameters.Add(new() { Value = identity.SigningKeyId });
            command.Parameters.Add(new() { Value = sealingKey });
            command.Parameters.Add(new() { Value = identity.SealingKeyId });
            await command.ExecuteNonQueryAsync(stop);
            nodes.Add(new BenchNode(identity));
        }

        return nodes;
    }

    /// <param name="http">From <see cref="Client"/>.</param>
    /// <param name="cursor">Null for the full list.</param>
    /// <param name="wait">Seconds.</param>
    /// <param name="stop">Gives up.</param>
    public Task<Answer> PollAsync(HttpClient http, string? cursor, int wait, CancellationToken stop) => SendAsync(
        http, HttpMethod.Get,
        $"{Routes.DesiredState}?wait={wait}" + (cursor is null ? "" : $"&since={Uri.EscapeDataString(cursor)}"), [],
        stop);

    /// <summary>Waits for as long as it takes until something changes.</summary>
    public async Task<Answer> WaitForChangeAsync(HttpClient http, string cursor, CancellationToken stop)
    {
        while (true)
        {
            var answer = await PollAsync(http, cursor, Routes.MaxWaitSeconds, stop);
            if (answer.Page.Upserts.Count > 0)
            {
                return answer;
            }
        }
    }

    /// <summary>The cursor at the end of what there is, without reading all of it again.</summary>
    public async Task<string> CursorAsync(HttpClient http, CancellationToken stop)
    {
        string? cursor = null;
        while (true)
        {
            var page = (await PollAsync(http, cursor, 0, stop)).Page;
            cursor = page.Cursor;
            if (!page.More)
            {
                return cursor;
            }
        }
    }

    public async Task<Answer> SendAsync(
        HttpClient http, HttpMethod method, string target, byte[] body, CancellationToken stop)
    {
        var time = TimeProvider.System;
        using var request = new HttpRequestMessage(method, target);
        request.Headers.Authorization = new AuthenticationHeaderValue(
            "Bearer", _signer.Sign(method.Method, target, body));
        request.Headers.AcceptEncoding.ParseAdd("gzip, br");
        if (body.Length > 0)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        var began = time.GetTimestamp();
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop);
        var bytes = await response.Content.ReadAsByteArrayAsync(stop);
        var at = time.GetTimestamp();
        var text = Unpacked(bytes, response.Content.Headers.ContentEncoding.SingleOrDefault());
        return response.IsSuccessStatusCode
            ? new Answer(text, bytes.Length, time.GetElapsedTime(began, at), at)
            : throw new FleetException(
                $"{method} {target.Split('?')[0]} answered {(int)response.StatusCode}: "
                + System.Text.Encoding.UTF8.GetString(text));
    }

    public void Dispose() => _identity.Dispose();

    private static byte[] Unpacked(byte[] bytes, string? encoding)
    {
        using var packed = new MemoryStream(bytes);
        using Stream? unpacking = encoding switch
        {
            "gzip" => new GZipStream(packed, CompressionMode.Decompress),
            "br" => new BrotliStream(packed, CompressionMode.Decompress),
            _ => null,
        };
        if (unpacking is null)
        {
            return bytes;
        }

        using var text = new MemoryStream();
        unpacking.CopyTo(text);
        return text.ToArray();
    }
}
