using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ControlPlane.Http.Transport;

/// <summary>
/// The API's own certificate, read from its files again when they have changed. A pair that cannot be used (half
/// written, key of another certificate) is told in the log and leaves the one in use where it is.
/// </summary>
internal sealed partial class ServerCertificate
{
    /// <summary>A renewal happens weeks before the end: ten seconds more or less are nothing, and a file read every ten
    /// seconds costs nothing.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(10);

    private readonly string _certificateFile;
    private readonly string _keyFile;
    private readonly TimeProvider _time;
    private readonly ILogger<ServerCertificate> _log;
    private readonly Lock _lock = new();
    private long _lookedAt;
    private Loaded _loaded;

    /// <exception cref="InvalidOperationException">The files are not there, not a pair, or the key is readable by
    /// everybody.</exception>
    public ServerCertificate(string certificateFile, string keyFile, TimeProvider time, ILogger<ServerCertificate> log)
    {
        (_certificateFile, _keyFile, _time, _log) = (certificateFile, keyFile, time, log);
        _lookedAt = time.GetTimestamp();
        try
        {
            _loaded = Load(Digest());
        }
        catch (Exception fault) when (IsUnusable(fault))
        {
            throw new InvalidOperationException(
                $"Https:CertificateFile ({certificateFile}) and Https:KeyFile ({keyFile}) cannot be used: "
                + fault.Message, fault);
        }
    }

    /// <summary>What the next handshake shows. Connections that are open keep what they began with.</summary>
    public SslStreamCertificateContext Current
    {
        get
        {
            lock (_lock)
            {
                if (_time.GetElapsedTime(_lookedAt) >= LookAgain)
                {
                    _lookedAt = _time.GetTimestamp();
                    Reload();
                }

                return _loaded.Context;
            }
        }
    }

    private void Reload()
    {
        try
        {
            var digest = Digest();
            if (!digest.AsSpan().SequenceEqual(_loaded.Digest))
            {
                _loaded = Load(digest);
                var leaf = _loaded.Context.TargetCertificate;
                LogReloaded(_certificateFile, leaf.SerialNumber, leaf.NotAfter.ToUniversalTime());
            }
        }
        catch (Exception fault) when (IsUnusable(fault))
        {
            LogKept(fault, _certificateFile);
        }
    }

    private byte[] Digest()
    {
        // Contents and not times: a mounted secret changes by a link that points elsewhere.
        var key = File.ReadAllBytes(_keyFile);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(File.ReadAllBytes(_certificateFile));
        hash.AppendData(key);
        CryptographicOperations.ZeroMemory(key);
        return hash.GetHashAndReset();
    }

    private Loaded Load(byte[] digest)
    {
        if ((File.GetUnixFileMode(_keyFile) & (UnixFileMode.OtherRead | UnixFileMode.OtherWrite)) != UnixFileMode.None)
        {
            throw new UnauthorizedAccessException($"{_keyFile} is readable by everybody: chmod 640 it.");
        }

        var leaf = X509Certificate2.CreateFromPemFile(_certificateFile, _keyFile);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(_certificateFile);
        // Offline: the chain is what the file holds, and nothing is fetched for it.
        return new Loaded(digest, SslStreamCertificateContext.Create(leaf, chain, offline: true));
    }

    private static bool IsUnusable(Exception fault) =>
        fault is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException;

    [LoggerMessage(Level = LogLevel.Information, Message = "{File} has changed: serial {Serial}, until {NotAfter:u}")]
    private partial void LogReloaded(string file, string serial, DateTime notAfter);

    [LoggerMessage(
        Level = LogLevel.Error, Message = "{File} has changed and cannot be used; the certificate before it stays")]
    private partial void LogKept(Exception fault, string file);

    private sealed record Loaded(byte[] Digest, SslStreamCertificateContext Context);
}
