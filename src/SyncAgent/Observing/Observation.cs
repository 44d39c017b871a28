using ControlPlane.Contracts;
using SyncAgent.Local;

namespace SyncAgent.Observing;

/// <summary>One name as a row of a report.</summary>
internal static class Observation
{
    /// <returns>null when there is nothing to say yet: neither proven nor refused.</returns>
    public static ObservedDomain? Of(string hostname, BookEntry entry, NodeView view, NodeError? error, bool isHeld)
    {
        var name = view.Describe(hostname, entry);
        var disk = name.Disk?.Fingerprint;
        // Memory speaks SHA-1. What matches the file's SHA-1 is the file's leaf; anything else has no SHA-256 we could
        // name.
        var memory = disk is not null && name.Memory is { Listed: true } held && name.IsLowestTlsRight
            && held.Fingerprint == name.Disk!.MemoryFingerprint
            ? disk
            : null;
        var handshake = string.IsNullOrEmpty(name.Proven) ? null : name.Proven;
        ObservedDomain Row(ObservedDomainState state, NodeError? why) =>
            new(entry.Domain, entry.Revision, state, disk, memory, handshake, why);

        if (error is not null)
        {
            return Row(ObservedDomainState.Refused, error);
        }

        if (isHeld)
        {
            // Its key is nowhere but in memory then: what the fleet withdrew cannot be fetched.
            var untilNextStart = disk is null && name.Memory is { Listed: true }
                ? " Its file is gone or damaged: it is served from memory, and no more after HAProxy's next start."
                : "";
            return Row(
                ObservedDomainState.Refused,
                new NodeError(
                    NodeErrorCodes.WithdrawalsHeld,
                    "Too many names were withdrawn within an hour without approval." + untilNextStart));
        }

        if (entry.Withdrawn is not null)
        {
            return name.Proven == "" && disk is null && name.Memory is null ? Row(ObservedDomainState.Withdrawn, null)
                : null;
        }

        var wanted = entry.Wanted!.Fingerprint;
        return disk == wanted && memory == wanted && handshake == wanted ? Row(ObservedDomainState.Serving, null)
            : null;
    }
}
