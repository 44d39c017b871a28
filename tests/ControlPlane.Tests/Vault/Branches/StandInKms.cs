using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Vault;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace ControlPlane.Tests.Vault.Branches;

/// <summary>
/// A stand-in for AWS KMS, which is nobody's to run here: an HTTP server on loopback that speaks KMS's JSON protocol
/// (x-amz-json-1.1, X-Amz-Target) for GenerateDataKey, Encrypt and Decrypt, really encrypts, binds the encryption
/// context, and refuses in KMS's own words. It reads who signs a request, and does not check the signature.
/// </summary>
internal sealed class StandInKms : IAsyncDisposable
{
    public const string Arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    public const string OtherArn = "arn:aws:kms:eu-central-1:111122223333:key/ffffffff-12ab-34cd-56ef-1234567890ab";
    public const string AccessKeyId = "AKIASTANDIN0EXAMPLE0";

    private readonly WebApplication _app;
    private readonly Dictionary<string, byte[]> _keys = new[] { Arn, OtherArn }
        .ToDictionary(arn => arn, _ => RandomNumberGenerator.GetBytes(32));

    private int _throttled;

    private StandInKms()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.MapPost("/", AnswerAsync);
    }

    public string Url => _app.Urls.Single();

    /// <summary>What was asked, in order, refusals included.</summary>
    public ConcurrentQueue<string> Calls { get; } = new();

    public ConcurrentQueue<JsonNode> Contexts { get; } = new();

    public ConcurrentDictionary<string, bool> Disabled { get; } = new();

    /// <summary>Answers the next calls with ThrottlingException.</summary>
    public void Throttle(int calls) => _throttled = calls;

    public static async Task<StandInKms> StartAsync()
    {
        var kms = new StandInKms();
        await kms._app.StartAsync();
        return kms;
    }

    /// <summary>The settings of a key here.</summary>
    public KeyOptions Key(string arn = Arn, string accessKeyId = AccessKeyId) => new()
    {
        AwsKms = arn,
        Endpoint = Url,
        AccessKeyId = accessKeyId,
        SecretAccessKey = new Secret("stand-in"),
    };

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext http)
    {
        var call = http.Request.Headers["X-Amz-Target"].ToString().Replace("TrentService.", "");
        Calls.Enqueue(call);
        var body = (await JsonNode.ParseAsync(http.Request.Body))!;
        Contexts.Enqueue(body["EncryptionContext"]?.DeepClone() ?? new JsonObject());
        JsonObject answer;
        try
        {
            answer = Answer(call, body, http.Request.Headers.Authorization.ToString());
        }
        catch (Refusal refusal)
        {
            http.Response.StatusCode = 400;
            answer = new JsonObject { ["__type"] = refusal.Type, ["message"] = "Said the stand-in." };
        }

        http.Response.ContentType = "application/x-amz-json-1.1";
        await http.Response.WriteAsync(answer.ToJsonString());
    }

    private JsonObject Answer(string call, JsonNode body, string authorization)
    {
        if (!authorization.StartsWith($"AWS4-HMAC-SHA256 Credential={AccessKeyId}/", StringComparison.Ordinal)
            || !authorization.Contains("/eu-central-1/kms/aws4_request", StringComparison.Ordinal))
        {
            throw new Refusal("UnrecognizedClientException");
        }

        if (Interlocked.Decrement(ref _throttled) >= 0)
        {
            throw new Refusal("ThrottlingException");
        }

        var context = JsonSerializer.SerializeToUtf8Bytes(
            new SortedDictionary<string, string>(
                body["EncryptionContext"]?.Deserialize<Dictionary<string, string>>() ?? [], StringComparer.Ordinal));
        switch (call)
        {
            case "GenerateDataKey" when body["KeySpec"]?.ToString() == "AES_256":
                var made = RandomNumberGenerator.GetBytes(32);
                var wrapped = Encrypt(KeyOf(body), made, context);
                wrapped["Plaintext"] = Convert.ToBase64String(made);
                return wrapped;
            case "Encrypt":
                return Encrypt(KeyOf(body), Convert.FromBase64String(body["Plaintext"]!.ToString()), context);
            case "Decrypt":
                return Decrypt(body, Convert.FromBase64String(body["CiphertextBlob"]!.ToString()), context);
            default:
                throw new Refusal("ValidationException");
        }
    }

    private string KeyOf(JsonNode body)
    {
        var arn = body["KeyId"]!.ToString();
        return !_keys.ContainsKey(arn) ? throw new Refusal("NotFoundException")
            : Disabled.ContainsKey(arn) ? throw new Refusal("DisabledException")
            : arn;
    }

    /// <summary>A blob tells its key, as KMS's do, and opens under no other context.</summary>
    private JsonObject Encrypt(string arn, byte[] plaintext, byte[] context)
    {
        var nonce = RandomNumberGenerator.GetBytes(12);
        byte[] blob =
        [
            .. Encoding.ASCII.GetBytes(arn), 0, .. nonce, .. AesGcmBox.Seal(_keys[arn], nonce, plaintext, context),
        ];
        return new JsonObject
        {
            ["KeyId"] = arn,
            ["CiphertextBlob"] = Convert.ToBase64String(blob),
            ["EncryptionAlgorithm"] = "SYMMETRIC_DEFAULT",
        };
    }

    private JsonObject Decrypt(JsonNode body, byte[] blob, byte[] context)
    {
        var end = Array.IndexOf(blob, (byte)0);
        var arn = end < 0 ? "" : Encoding.ASCII.GetString(blob, 0, end);
        if (!_keys.TryGetValue(arn, out var key) || blob.Length < end + 13)
        {
            throw new Refusal("InvalidCiphertextException");
        }

        if (KeyOf(body) != arn)
        {
            throw new Refusal("IncorrectKeyException");
        }

        try
        {
            var plaintext = AesGcmBox.Open(key, blob[(end + 1)..(end + 13)], blob.AsSpan(end + 13), context);
            return new JsonObject { ["KeyId"] = arn, ["Plaintext"] = Convert.ToBase64String(plaintext) };
        }
        catch (CryptographicException)
        {
            throw new Refusal("InvalidCiphertextException");
        }
    }

    private sealed class Refusal(string type) : Exception
    {
        public string Type => type;
    }
}
