using System.Collections.Concurrent;

namespace ControlPlane.CertificateAuthorities.Acme;

/// <summary>Nonces a CA gave with its answers (RFC 8555 §6.5), each good for one call. The youngest goes first: CAs
/// forget old ones.</summary>
internal sealed class NoncePool
{
    /// <summary>As many as orders run at once; what is beyond grows old unused.</summary>
    private const int Most = 64;

    private readonly ConcurrentStack<string> _nonces = new();

    public void Add(string nonce)
    {
        if (_nonces.Count < Most)
        {
            _nonces.Push(nonce);
        }
    }

    public string? Take() => _nonces.TryPop(out var nonce) ? nonce : null;

    /// <summary>One was refused: those as old as it will be, too.</summary>
    public void Clear() => _nonces.Clear();
}
