namespace SyncAgent.Planning;

/// <summary>What to do about one name, and why, in a word for counting and a sentence for people.</summary>
internal sealed record PlannedAction(ActionKind Kind, string Hostname, string Reason, string Message);

internal enum ActionKind
{
    /// <summary>Move a damaged file out of HAProxy's sight, before its next start.</summary>
    Quarantine,

    /// <summary>Load the file on disk into memory.</summary>
    LoadFromDisk,

    /// <summary>Ask for the wanted bundle, load it, write it.</summary>
    Fetch,

    /// <summary>Prove by a handshake what disk and memory agree on.</summary>
    Verify,

    /// <summary>Let the listener refuse TLS 1.2 for the name, or take it again.</summary>
    SetLowestTls,

    /// <summary>Take the name out of listener, memory and disk.</summary>
    Remove,

    /// <summary>Keep serving although a withdrawal says otherwise: there are too many of them.</summary>
    HoldWithdrawal,
}

/// <summary>Everything a plan depends on, and nothing else: no clock, no disk, no socket.</summary>
/// <param name="Names">What is known about each name that is to be planned.</param>
/// <param name="HeldWithdrawals">Names whose withdrawal is over the limit; see <see cref="WithdrawalBreaker"/>.</param>
internal sealed record PlanInput(IReadOnlyList<PlannedName> Names, IReadOnlyList<string> HeldWithdrawals);

/// <summary>One name from four sides. Fingerprints on one line are of one kind.</summary>
/// <param name="Hostname">The name.</param>
/// <param name="Wanted">SHA-256 the fleet wants; null when it wants nothing.</param>
/// <param name="Withdrawn">An explicit tombstone. Absence is never one.</param>
/// <param name="Disk">What the directory holds; null when nothing.</param>
/// <param name="Memory">What HAProxy holds; null when nothing.</param>
/// <param name="Proven">SHA-256 that this HAProxy process has shown in a handshake; empty text for "proven
/// gone".</param>
/// <param name="WantsTls13">The fleet wants nothing older than TLS 1.3 for it.</param>
/// <param name="Tls13OnDisk">HAProxy would refuse TLS 1.2 for it from its next start on.</param>
internal sealed record PlannedName(
    string Hostname, string? Wanted, bool Withdrawn, PlannedFile? Disk, PlannedMemory? Memory, string? Proven,
    bool WantsTls13 = false, bool Tls13OnDisk = false)
{
    /// <summary>The name refuses TLS 1.2, now and after HAProxy's next start, exactly if it should. Of what is not
    /// served it is not asked.</summary>
    public bool IsLowestTlsRight => Tls13OnDisk == WantsTls13
        && (Memory is null || Memory.In == (WantsTls13 ? Listing.Tls13 : Listing.Directory));
}

/// <param name="Fingerprint">SHA-256; null when the file is damaged.</param>
/// <param name="MemoryFingerprint">SHA-1, to be compared with memory.</param>
internal sealed record PlannedFile(string? Fingerprint, string? MemoryFingerprint);

/// <param name="Fingerprint">SHA-1; null when the slot is empty.</param>
/// <param name="Listed">A crt-list serves it.</param>
/// <param name="In">Which one.</param>
internal sealed record PlannedMemory(string? Fingerprint, bool Listed, Listing In = Listing.Directory);

/// <summary>The crt-list by which a name is served.</summary>
internal enum Listing
{
    /// <summary>The directory's own: TLS 1.2 and newer.</summary>
    Directory,

    /// <summary>The list of names that refuse TLS 1.2, alone.</summary>
    Tls13,

    /// <summary>Both, so that the one which came first counts: after a start, or when a move was not
    /// finished.</summary>
    Both,
}

/// <summary>The difference between what is wanted and what is, as actions in the order to take them.</summary>
internal static class Plan
{
    public static IReadOnlyList<PlannedAction> Make(PlanInput input)
    {
        var held = input.HeldWithdrawals.ToHashSet(StringComparer.Ordinal);
        return [.. input.Names.SelectMany(name => For(name, held.Contains(name.Hostname)))];
    }

    private static IEnumerable<PlannedAction> For(PlannedName name, bool isHeld)
    {
        var file = name.Disk;
        if (file is { Fingerprint: null })
        {
            yield return Act(
                ActionKind.Quarantine, name, "damaged", "The file on disk would stop HAProxy's next start.");
            file = null;
        }

        if (name.Withdrawn && !isHeld)
        {
            if (name.Proven != "" || file is not null || name.Memory is not null)
            {
                yield return Act(ActionKind.Remove, name, "withdrawn", "The fleet no longer serves this name.");
            }

            yield break;
        }

        if (isHeld)
        {
            yield return Act(
                ActionKind.HoldWithdrawal, name, "too-many",
                    "Too many names were withdrawn within an hour without approval.");
        }

        foreach (var action in Serve(name, file))
        {
            yield return action;
        }
    }

    private static IEnumerable<PlannedAction> Serve(PlannedName name, PlannedFile? file)
    {
        if (name.Wanted is null && !name.Withdrawn)
        {
            // Nobody ever told us about this name: not ours to load, and not ours to delete.
            yield break;
        }

        if (file is not null && Difference(file, name.Memory) is { } difference)
        {
            // Even when another bundle is wanted: the last good one is served until that has arrived.
            yield return Act(ActionKind.LoadFromDisk, name, difference.Reason, difference.Message);
        }
        else if (file is not null && name.Proven != file.Fingerprint && name.IsLowestTlsRight
            && (name.Wanted is null || name.Wanted == file.Fingerprint))
        {
            yield return Act(
                ActionKind.Verify, name, "unproven", "Disk and memory agree; the listener has not shown it yet.");
        }

        if (name.Wanted is not null && file?.Fingerprint != name.Wanted)
        {
            yield return file is null
                ? Act(ActionKind.Fetch, name, "absent", "The wanted bundle is not on this node.")
                : Act(ActionKind.Fetch, name, "outdated", "The fleet wants another bundle than the one on disk.");
        }

        if (name.Wanted is not null && !name.IsLowestTlsRight)
        {
            // Last: it proves what is served by then.
            yield return Act(
                ActionKind.SetLowestTls, name, "tls-minimum",
                name.WantsTls13 ? "The listener is to refuse TLS 1.2." : "The listener is to take TLS 1.2 again.");
        }
    }

    private static (string Reason, string Message)? Difference(PlannedFile file, PlannedMemory? memory)
    {
        return memory switch
        {
            null => ("phantom", "The bundle is on disk, and memory does not know it."),
            { Fingerprint: var held } when held != file.MemoryFingerprint =>
                ("memory-differs", "Memory holds another bundle than the disk."),
            { Listed: false } => ("unlisted", "Memory holds the bundle, and no crt-list serves it."),
            _ => null,
        };
    }

    private static PlannedAction Act(ActionKind kind, PlannedName name, string reason, string message) =>
        new(kind, name.Hostname, reason, message);
}
