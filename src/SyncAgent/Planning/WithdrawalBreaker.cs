using ControlPlane.Contracts;

namespace SyncAgent.Planning;

/// <summary>The agent's own half of <see cref="WithdrawalAllowance"/>: whatever its control plane says, a node is not
/// emptied by withdrawals that nobody approved.</summary>
internal static class WithdrawalBreaker
{
    /// <param name="tombstones">All that are known, those already carried out included.</param>
    /// <param name="manifest">Names that the node serves or served.</param>
    /// <param name="now">A withdrawal dated later counts as made now.</param>
    /// <returns>Names to keep serving until an approval arrives.</returns>
    public static IReadOnlySet<string> Held(IEnumerable<Tombstone> tombstones, int manifest, DateTimeOffset now) =>
        WithdrawalAllowance.Held(
            gone: [],
            tombstones.Where(tombstone => tombstone.Approval is null).Select(tombstone => new AskedWithdrawal(
                tombstone.Domain, tombstone.Hostname,
                tombstone.WithdrawnAt > now ? now : tombstone.WithdrawnAt)),
            WithdrawalAllowance.Of(manifest)).Select(held => held.Hostname).ToHashSet(StringComparer.Ordinal);
}
