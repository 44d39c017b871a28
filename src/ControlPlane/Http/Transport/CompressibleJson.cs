using System.Buffers;
using System.IO.Compression;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;

namespace ControlPlane.Http.Transport;

/// <summary>Writes answers out.</summary>
internal static class CompressibleJson
{
    /// <summary>The value as any other answer of this API would show it.</summary>
    public static CompressibleJson<T> Of<T>(T value, JsonOptions json)
    {
        var type = (JsonTypeInfo<T>)json.SerializerOptions.GetTypeInfo(typeof(T));
        using var buffer = new PooledBuffer();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions
        {
            Encoder = json.SerializerOptions.Encoder,
            SkipValidation = true,
        }))
        {
            JsonSerializer.Serialize(writer, value, type);
        }

        return CompressibleJson<T>.Of(buffer.Written);
    }
}

/// <summary>
/// A 200 that is written out already and sent compressed to whoever takes that; the same object may answer many
/// requests. For answers to nodes alone: they hold no secret of ours beside what the caller sent, which is what a
/// length would give away (BREACH). Sealed bundles are not sent by this: ciphertext does not shrink. What is worth
/// compressing is kept compressed only: a page of desired state is a third then, and dozens of them are kept.
/// </summary>
/// <typeparam name="T">What was written out, for the documentation.</typeparam>
internal sealed class CompressibleJson<T> : IResult, IEndpointMetadataProvider
{
    /// <summary>Bytes that fit one packet anyhow are not worth the work.</summary>
    private const int WorthIt = 1400;

    /// <summary>Of 11: about twice as fast as the next one, and nearly as small, because half of a page is random
    /// digits.</summary>
    private const int BrotliQuality = 4;

    /// <summary>2^18 bytes: a page lies within.</summary>
    private const int BrotliWindow = 18;

    private readonly byte[] _body;
    private readonly bool _isBrotli;
    private readonly Lazy<byte[]> _gzip;

    private CompressibleJson(byte[] body, bool isBrotli)
    {
        (_body, _isBrotli) = (body, isBrotli);
        _gzip = new Lazy<byte[]>(() => Gzip(Plain()));
    }

    /// <param name="json">Copied, or compressed.</param>
    public static CompressibleJson<T> Of(ReadOnlySpan<byte> json) => json.Length > WorthIt
        ? new CompressibleJson<T>(Brotli(json), isBrotli: true)
        : new CompressibleJson<T>(json.ToArray(), isBrotli: false);

    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.ContentType = "application/json; charset=utf-8";
        response.Headers.Vary = HeaderNames.AcceptEncoding;
        var body = _body;
        if (_isBrotli)
        {
            var taken = httpContext.Request.GetTypedHeaders().AcceptEncoding;
            if (Takes(taken, "br"))
            {
                response.Headers.ContentEncoding = "br";
            }
            else if (Takes(taken, "gzip"))
            {
                (body, response.Headers.ContentEncoding) = (_gzip.Value, "gzip");
            }
            else
            {
                body = Plain();
            }
        }

        response.ContentLength = body.Length;
        return response.Body.WriteAsync(body, httpContext.RequestAborted).AsTask();
    }

    static void IEndpointMetadataProvider.PopulateMetadata(MethodInfo method, EndpointBuilder builder) =>
        builder.Metadata.Add(
            new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(T), ["application/json"]));

    /// <summary>Named, and not refused by a quality of 0 (RFC 9110 §12.5.3).</summary>
    private static bool Takes(IList<StringWithQualityHeaderValue> taken, string encoding) => taken.Any(one =>
        one.Value.Equals(encoding, StringComparison.OrdinalIgnoreCase) && one.Quality is null or > 0);

    private static byte[] Brotli(ReadOnlySpan<byte> json)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BrotliEncoder.GetMaxCompressedLength(json.Length));
        try
        {
            return BrotliEncoder.TryCompress(json, buffer, out var length, BrotliQuality, BrotliWindow)
                ? buffer[..length]
                : throw new InvalidOperationException("Brotli's own bound was too small.");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private byte[] Plain()
    {
        using var from = new BrotliStream(new MemoryStream(_body), CompressionMode.Decompress);
        using var to = new MemoryStream();
        from.CopyTo(to);
        return to.ToArray();
    }

    private static byte[] Gzip(byte[] json)
    {
        using var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Fastest))
        {
            gzip.Write(json);
        }

        return buffer.ToArray();
    }
}
