using System.IO.Compression;
using System.Reflection;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;

namespace ControlPlane.Http;

/// <summary>Writes answers out.</summary>
internal static class CompressibleJson
{
    /// <summary>The value as any other answer of this API would show it.</summary>
    public static CompressibleJson<T> Of<T>(T value, JsonOptions json) => new(
        JsonSerializer.SerializeToUtf8Bytes(value, json.SerializerOptions.GetTypeInfo(typeof(T))));
}

/// <summary>
/// A 200 that is written out already and sent compressed to whoever takes that; the same object may answer many
/// requests. For answers to nodes alone: they hold no secret of ours beside what the caller sent, which is what a
/// length would give away (BREACH). Sealed bundles are not sent by this: ciphertext does not shrink.
/// </summary>
/// <typeparam name="T">What was written out, for the documentation.</typeparam>
internal sealed class CompressibleJson<T>(byte[] json) : IResult, IEndpointMetadataProvider
{
    /// <summary>Bytes that fit one packet anyhow are not worth the work.</summary>
    private const int WorthIt = 1400;

    /// <summary>Of 11: about twice as fast as the next one, and nearly as small, because half of a page is random
    /// digits.</summary>
    private const int BrotliQuality = 4;

    /// <summary>2^18 bytes: a page lies within.</summary>
    private const int BrotliWindow = 18;

    private readonly Lazy<byte[]> _brotli = new(() => Brotli(json));
    private readonly Lazy<byte[]> _gzip = new(() => Gzip(json));

    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.ContentType = "application/json; charset=utf-8";
        response.Headers.Vary = HeaderNames.AcceptEncoding;
        var body = json;
        if (json.Length > WorthIt)
        {
            var taken = httpContext.Request.GetTypedHeaders().AcceptEncoding;
            if (Takes(taken, "br"))
            {
                (body, response.Headers.ContentEncoding) = (_brotli.Value, "br");
            }
            else if (Takes(taken, "gzip"))
            {
                (body, response.Headers.ContentEncoding) = (_gzip.Value, "gzip");
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

    private static byte[] Brotli(byte[] json)
    {
        var buffer = new byte[BrotliEncoder.GetMaxCompressedLength(json.Length)];
        return BrotliEncoder.TryCompress(json, buffer, out var length, BrotliQuality, BrotliWindow)
            ? buffer[..length]
            : throw new InvalidOperationException("Brotli's own bound was too small.");
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
