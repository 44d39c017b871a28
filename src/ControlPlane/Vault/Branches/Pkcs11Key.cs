using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace ControlPlane.Vault.Branches;

/// <summary>
/// An RSA key in an HSM, through OpenSSL's engine <c>pkcs11</c> (libp11). Branch keys are wrapped with its public half
/// here and unwrapped inside the HSM. The engine finds the HSM's module by PKCS11_MODULE_PATH in the program's
/// environment, or else by p11-kit's configuration.
/// </summary>
internal sealed partial class Pkcs11Key : IRootKey
{
    private const string Engine = "pkcs11";

    /// <summary>2,048 bits hold an OAEP of 32 bytes with room, and less is no longer fit for a key that lives for years
    /// (NIST SP 800-131A).</summary>
    private const int LeastBits = 2_048;

    /// <summary>An HSM answers in milliseconds; a networked one that lost its line may hang for ever.</summary>
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(5);

    /// <summary>
    /// OAEP with SHA-1, because every HSM has it. Measured on SoftHSM 2.6.1: with SHA-1 the HSM does CKM_RSA_PKCS_OAEP
    /// itself; it refuses CKM_RSA_PKCS_OAEP with SHA-256, and the engine then asks for the bare RSA operation
    /// (CKM_RSA_X_509), which well-kept HSMs forbid. OAEP does not rest on SHA-1's resistance to collisions (RFC 8017,
    /// B.1).
    /// </summary>
    private static readonly RSAEncryptionPadding Padding = RSAEncryptionPadding.OaepSHA1;

    private readonly RSA _public;
    private readonly RSA _private;

    /// <summary>One call at a time: a hanging HSM then costs one thread and not all of them.</summary>
    private readonly SemaphoreSlim _turn = new(1);

    private Pkcs11Key(RSA publicKey, RSA privateKey)
    {
        (_public, _private) = (publicKey, privateKey);
        Id = "pkcs11:" + Convert.ToHexStringLower(SHA256.HashData(publicKey.ExportSubjectPublicKeyInfo()))[..16];
    }

    /// <summary>Named after the public key, so that a label that changes is no other key.</summary>
    public string Id { get; }

    /// <summary>Logs in and finds the key. One attempt only: an HSM locks itself after a few wrong PINs.</summary>
    /// <exception cref="VaultException">A setting is wrong, or the HSM has no such key.</exception>
    public static Pkcs11Key Open(string uri, string? pinFile)
    {
        CheckUri(uri);
        CheckPin(pinFile);
        // The engine reads the PIN itself. Given as pin-value it would be printed with the URI when a key is not found.
        var source = $"pin-source={pinFile}";
        try
        {
            using var privateHandle = SafeEvpPKeyHandle.OpenPrivateKeyFromEngine(
                Engine, $"{uri};type=private;{source}");
            using var publicHandle = SafeEvpPKeyHandle.OpenPublicKeyFromEngine(Engine, $"{uri};type=public;{source}");
            using var half = new RSAOpenSsl(publicHandle);
            return half.KeySize >= LeastBits
                ? new Pkcs11Key(RSA.Create(half.ExportParameters(false)), new RSAOpenSsl(privateHandle))
                : throw new VaultException($"The RSA key {uri} has {half.KeySize} bits, less than {LeastBits}.");
        }
        catch (Exception fault) when (fault is CryptographicException or PlatformNotSupportedException)
        {
            throw new VaultException(
                $"The HSM gives no RSA key {uri}. Check the URI, the PIN in {pinFile}, that OpenSSL's engine pkcs11 is "
                + "installed (libengine-pkcs11-openssl), and that PKCS11_MODULE_PATH names the HSM's module.",
                fault);
        }
    }

    public Task<(byte[] Key, byte[] Sealed)> CreateAsync(CancellationToken ct)
    {
        var key = RandomNumberGenerator.GetBytes(AesGcmBox.KeyBytes);
        return Task.FromResult((key, _public.Encrypt(key, Padding)));
    }

    public async Task<byte[]> OpenAsync(byte[] sealedKey, CancellationToken ct)
    {
        if (!await _turn.WaitAsync(CallTimeout, ct))
        {
            throw Away(null);
        }

        // Not repeated here: what failed is asked again by the caller's schedule.
        var call = Task.Run(() => Decrypt(sealedKey), CancellationToken.None);
        try
        {
            return await call.WaitAsync(CallTimeout, ct);
        }
        catch (CryptographicException fault)
        {
            throw new VaultException($"The HSM does not open a branch key under {Id}.", fault);
        }
        catch (TimeoutException late)
        {
            // Nobody is there any more to zero what comes after all.
            _ = call.ContinueWith(
                done => CryptographicOperations.ZeroMemory(done.Result), CancellationToken.None,
                TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            throw Away(late);
        }
    }

    public void Dispose()
    {
        _public.Dispose();
        _private.Dispose();
        _turn.Dispose();
    }

    private byte[] Decrypt(byte[] sealedKey)
    {
        try
        {
            return _private.Decrypt(sealedKey, Padding);
        }
        finally
        {
            _turn.Release();
        }
    }

    private VaultException Away(Exception? inner) =>
        new($"The HSM does not answer within {CallTimeout.TotalSeconds} s under {Id}.", inner) { IsAway = true };

    private static void CheckUri(string uri)
    {
        if (!Uris().IsMatch(uri) || uri.Contains("pin-", StringComparison.Ordinal)
            || uri.Contains("type=", StringComparison.Ordinal))
        {
            throw new VaultException(
                "Pkcs11 must be a PKCS#11 URI that names token and object, such as pkcs11:token=controlplane;object="
                + "vault, without type and without a PIN, which belongs into PinFile.");
        }
    }

    private static void CheckPin(string? path)
    {
        if (path is null || !Paths().IsMatch(path))
        {
            throw new VaultException("PinFile must be an absolute path of letters, digits and ./_- .");
        }

        if (!File.Exists(path))
        {
            throw new VaultException($"There is no file {path}. Write the token's PIN there, mode 0600, no newline.");
        }

        OwnersFile.Check(path, "The PIN file");
        var pin = File.ReadAllBytes(path);
        // The engine takes a newline for part of the PIN (measured on libp11 0.4.12), and the HSM counts a wrong PIN.
        var isPin = pin is [_, ..] && !pin.AsSpan().ContainsAny("\r\n"u8);
        CryptographicOperations.ZeroMemory(pin);
        if (!isPin)
        {
            throw new VaultException(
                $"{path} must hold the PIN and nothing else, no newline either: write it with printf %s.");
        }
    }

    [GeneratedRegex(@"^pkcs11:[\x21-\x7e]+\z", RegexOptions.NonBacktracking)]
    private static partial Regex Uris();

    [GeneratedRegex(@"^/[A-Za-z0-9._/-]+\z", RegexOptions.NonBacktracking)]
    private static partial Regex Paths();
}
