using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Amazon;
using Amazon.KeyManagementService;
using Amazon.KeyManagementService.Model;
using Amazon.Runtime;

namespace ControlPlane.Vault.Branches;

/// <summary>
/// A symmetric key in AWS KMS. It needs <c>kms:GenerateDataKey</c> and <c>kms:Decrypt</c>; every call carries the
/// encryption context <c>controlplane:purpose = vault-branch-key</c>, to which the key's policy may be narrowed.
/// </summary>
internal sealed partial class AwsKmsKey : IRootKey
{
    /// <summary>One attempt: KMS answers in tens of milliseconds.</summary>
    private static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(3);

    /// <summary>All attempts together, below the 20 s that an agent waits for its bundles.</summary>
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Throttling and 5xx are tried three times with the SDK's jittered back-off: neither call changes
    /// anything at KMS, so that repeating one costs nothing but itself.</summary>
    private const int Retries = 2;

    /// <summary>Answers that repeating does not change.</summary>
    private static readonly string[] Refusals =
    [
        "NotFoundException", "DisabledException", "KMSInvalidStateException", "InvalidKeyUsageException",
        "AccessDeniedException", "InvalidCiphertextException", "IncorrectKeyException", "ValidationException",
        "InvalidArnException", "UnrecognizedClientException", "InvalidSignatureException",
        "IncompleteSignatureException", "InvalidClientTokenId", "ExpiredTokenException",
    ];

    private static readonly Dictionary<string, string> Purpose = new()
    {
        ["controlplane:purpose"] = "vault-branch-key",
    };

    private readonly AmazonKeyManagementServiceClient _kms;
    private readonly string _arn;

    private AwsKmsKey(string arn, AmazonKeyManagementServiceClient kms)
    {
        (_arn, _kms) = (arn, kms);
        Id = $"aws-kms:{arn}";
    }

    public string Id { get; }

    /// <exception cref="VaultException">A setting is wrong.</exception>
    public static AwsKmsKey From(KeyOptions options)
    {
        var arn = Arns().Match(options.AwsKms!);
        if (!arn.Success)
        {
            throw new VaultException(
                $"'{options.AwsKms}' is not the ARN of a KMS key (arn:aws:kms:<region>:<account>:key/<id>). An alias "
                + "will not do: it may point elsewhere tomorrow.");
        }

        if (options.AccessKeyId is { Length: > 0 } == options.SecretAccessKey is null or { IsEmpty: true })
        {
            throw new VaultException("AccessKeyId and SecretAccessKey must be set both, or neither.");
        }

        var region = arn.Groups["region"].Value;
        var config = new AmazonKeyManagementServiceConfig
        {
            Timeout = AttemptTimeout,
            MaxErrorRetry = Retries,
            RetryMode = RequestRetryMode.Standard,
        };
        if (options.Endpoint is { Length: > 0 } endpoint)
        {
            if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
            {
                throw new VaultException($"Endpoint '{endpoint}' is not an http or https URL.");
            }

            (config.ServiceURL, config.AuthenticationRegion) = (endpoint, region);
        }
        else
        {
            config.RegionEndpoint = RegionEndpoint.GetBySystemName(region);
        }

        return new AwsKmsKey(options.AwsKms!, options.AccessKeyId is { Length: > 0 } id
            ? new AmazonKeyManagementServiceClient(
                new BasicAWSCredentials(id, options.SecretAccessKey!.Reveal()), config)
            : new AmazonKeyManagementServiceClient(config));
    }

    public async Task<(byte[] Key, byte[] Sealed)> CreateAsync(CancellationToken ct)
    {
        var made = await AskAsync(
            limit => _kms.GenerateDataKeyAsync(
                new GenerateDataKeyRequest
                {
                    KeyId = _arn,
                    KeySpec = DataKeySpec.AES_256,
                    EncryptionContext = Purpose,
                },
                limit),
            "make a branch key", ct);
        return (Taken(made.Plaintext), made.CiphertextBlob.ToArray());
    }

    public async Task<byte[]> OpenAsync(byte[] sealedKey, CancellationToken ct)
    {
        using var blob = new MemoryStream(sealedKey);
        var opened = await AskAsync(
            limit => _kms.DecryptAsync(
                new DecryptRequest { KeyId = _arn, CiphertextBlob = blob, EncryptionContext = Purpose }, limit),
            "open a branch key", ct);
        return Taken(opened.Plaintext);
    }

    public void Dispose() => _kms.Dispose();

    /// <summary>The SDK's own buffers below this one are not ours to zero.</summary>
    private static byte[] Taken(MemoryStream plaintext)
    {
        var key = plaintext.ToArray();
        plaintext.Position = 0;
        plaintext.Write(new byte[key.Length]);
        if (key.Length != AesGcmBox.KeyBytes)
        {
            CryptographicOperations.ZeroMemory(key);
            throw new VaultException("AWS KMS gave a key of another length than asked for.");
        }

        return key;
    }

    private async Task<T> AskAsync<T>(Func<CancellationToken, Task<T>> call, string what, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(CallTimeout);
        try
        {
            return await call(limit.Token);
        }
        catch (AmazonServiceException said) when (Refusals.Contains(said.ErrorCode))
        {
            throw new VaultException(
                $"AWS KMS refuses to {what} under {_arn} ({said.ErrorCode}). Check the ARN, that the key is enabled, "
                + "and that this program may use kms:GenerateDataKey and kms:Decrypt.",
                said);
        }
        catch (Exception fault) when (!ct.IsCancellationRequested)
        {
            var code = (fault as AmazonServiceException)?.ErrorCode ?? fault.GetType().Name;
            throw new VaultException($"AWS KMS did not {what} under {_arn} ({code}).", fault) { IsAway = true };
        }
    }

    [GeneratedRegex(
        @"^arn:aws[a-z-]*:kms:(?<region>[a-z0-9-]+):\d{12}:key/[A-Za-z0-9-]+\z",
        RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Arns();
}
