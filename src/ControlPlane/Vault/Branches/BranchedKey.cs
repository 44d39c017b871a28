using System.Security.Cryptography;

namespace ControlPlane.Vault.Branches;

/// <summary>
/// Wraps data keys under a branch key, and the branch key under a root that costs a call. The sealed branch travels in
/// every wrap, so that nothing but the row is needed to open it, while the root is asked once per branch and not once
/// per row: a fleet's first sync of thousands of bundles costs a handful of calls.
/// </summary>
internal sealed class BranchedKey(IRootKey root, TimeProvider time) : IKeyEncryptionKey, IDisposable
{
    /// <summary>Data keys under one branch: bounds what a branch key that leaked from memory opens, and is far below
    /// the 2^32 random nonces that one AES-GCM key allows (NIST SP 800-38D, 8.3).</summary>
    public const int MostWraps = 10_000;

    /// <summary>A day and not an hour: a fleet that issues two certificates an hour would else have as many branches as
    /// bundles, and its first sync as many calls.</summary>
    public static readonly TimeSpan MostAge = TimeSpan.FromHours(24);

    private readonly Lock _gate = new();
    private readonly OpenedBranches _opened = new(time);
    private readonly SharedCalls _calls = new();
    private Branch? _current;

    public string Id => root.Id;

    public async Task<byte[]> WrapAsync(byte[] dataKey, CancellationToken ct)
    {
        while (true)
        {
            lock (_gate)
            {
                if (Current() is { } branch)
                {
                    branch.Wraps++;
                    return BranchWrap.Seal(Id, branch.Key, branch.Sealed, dataKey);
                }
            }

            await _calls.RunAsync("new", NewAsync, ct);
        }
    }

    public async Task<byte[]> UnwrapAsync(string keyId, byte[] wrapped, CancellationToken ct)
    {
        if (keyId != Id)
        {
            throw new VaultException($"The key was wrapped under {keyId}; this is {Id}.");
        }

        var wrap = BranchWrap.Parse(wrapped);
        while (true)
        {
            if (_opened.Use(wrap.Branch, key => wrap.Open(Id, key)) is { } dataKey)
            {
                return dataKey;
            }

            await _calls.RunAsync(wrap.Branch, () => OpenAsync(wrap), ct);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            Retire();
        }

        _opened.Dispose();
        root.Dispose();
    }

    public override string ToString() => Id;

    /// <summary>Both are looked for again: while one waited for the turn, another may have brought it.</summary>
    private async Task NewAsync()
    {
        lock (_gate)
        {
            if (Current() is not null)
            {
                return;
            }
        }

        var (key, sealedKey) = await root.CreateAsync(CancellationToken.None);
        await ProveAsync(key, sealedKey);
        lock (_gate)
        {
            Retire();
            _current = new Branch(key, sealedKey, time.GetTimestamp());
        }

        _opened.Keep(BranchWrap.NameOf(sealedKey), [.. key]);
    }

    private async Task OpenAsync(BranchWrap wrap)
    {
        if (!_opened.Holds(wrap.Branch))
        {
            _opened.Keep(wrap.Branch, await root.OpenAsync(wrap.SealedBranch, CancellationToken.None));
        }
    }

    /// <summary>A branch that its root cannot open again (a missing permission, an HSM key that may not decrypt) would
    /// take every key wrapped under it along: it is never used. One call per branch.</summary>
    private async Task ProveAsync(byte[] key, byte[] sealedKey)
    {
        byte[] back = [];
        var proven = false;
        try
        {
            back = await root.OpenAsync(sealedKey, CancellationToken.None);
            proven = CryptographicOperations.FixedTimeEquals(key, back);
            if (!proven)
            {
                throw new VaultException($"{Id} does not give back the branch key it wrapped; it is not used.");
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(back);
            if (!proven)
            {
                CryptographicOperations.ZeroMemory(key);
            }
        }
    }

    private Branch? Current()
    {
        if (_current is not null
            && (_current.Wraps >= MostWraps || time.GetElapsedTime(_current.Since) >= MostAge))
        {
            Retire();
        }

        return _current;
    }

    private void Retire()
    {
        CryptographicOperations.ZeroMemory(_current?.Key);
        _current = null;
    }

    private sealed class Branch(byte[] key, byte[] sealedKey, long since)
    {
        public byte[] Key => key;

        public byte[] Sealed => sealedKey;

        public long Since => since;

        public int Wraps { get; set; }
    }
}
