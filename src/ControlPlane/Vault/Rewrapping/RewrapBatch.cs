using System.Security.Cryptography;

namespace ControlPlane.Vault.Rewrapping;

/// <summary>A data key as it is wrapped now.</summary>
internal sealed record Wrapped(Guid Key, string Kek, byte[] Wrap);

/// <summary>A data key wrapped anew.</summary>
internal sealed record NewWrap(Guid Key, byte[] Was, byte[] Is);

/// <summary>A data key that could not be.</summary>
internal sealed record WrapFault(Guid Key, string Kek, string Reason);

/// <summary>Unwraps and wraps. Writes nothing.</summary>
internal sealed class RewrapBatch(KeyRing ring)
{
    private readonly HashSet<string> _away = new(StringComparer.Ordinal);

    /// <summary>Old keys that gave no answer in this run: their other rows would each wait for the same time-out, and
    /// are left for the next.</summary>
    public IReadOnlySet<string> Away => _away;

    /// <exception cref="VaultException">The current key cannot wrap: nothing can be done.</exception>
    public async Task<(IReadOnlyList<NewWrap> Wraps, IReadOnlyList<WrapFault> Faults)> WrapAsync(
        IReadOnlyList<Wrapped> rows, CancellationToken ct)
    {
        List<NewWrap> wraps = [];
        List<WrapFault> faults = [];
        foreach (var row in rows)
        {
            if (_away.Contains(row.Kek))
            {
                continue;
            }

            byte[] dataKey;
            try
            {
                dataKey = await ring.UnwrapAsync(row.Kek, row.Wrap, ct);
            }
            catch (VaultException fault)
            {
                faults.Add(new WrapFault(row.Key, row.Kek, fault.Message));
                if (fault.IsAway)
                {
                    _away.Add(row.Kek);
                }

                continue;
            }

            try
            {
                wraps.Add(new NewWrap(row.Key, row.Wrap, await WrapAsync(dataKey, ct)));
            }
            finally
            {
                CryptographicOperations.ZeroMemory(dataKey);
            }
        }

        return (wraps, faults);
    }

    /// <summary>Reads the new wrap back before it takes the place of the only other one.</summary>
    private async Task<byte[]> WrapAsync(byte[] dataKey, CancellationToken ct)
    {
        var wrapped = await ring.WrapAsync(dataKey, ct);
        var back = await ring.UnwrapAsync(ring.Id, wrapped, ct);
        var same = CryptographicOperations.FixedTimeEquals(dataKey, back);
        CryptographicOperations.ZeroMemory(back);
        return same ? wrapped : throw new VaultException($"{ring.Id} does not give back what it wrapped.");
    }
}
