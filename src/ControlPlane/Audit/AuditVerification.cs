namespace ControlPlane.Audit;

/// <summary>What a verification found.</summary>
/// <param name="Batches">That are whole, from the first on.</param>
/// <param name="Entries">In these.</param>
/// <param name="Unsealed">Entries that are in no batch yet: nothing speaks for or against them.</param>
/// <param name="Head">The last whole batch.</param>
/// <param name="Fault">The first thing that is wrong, in a sentence that names batch and entry; null when the trail is
/// whole.</param>
internal sealed record AuditFinding(long Batches, long Entries, long Unsealed, AuditHead Head, string? Fault);

/// <summary>Follows the chain from its beginning and stops at the first thing that is wrong.</summary>
internal static class AuditVerification
{
    /// <param name="source">The trail.</param>
    /// <param name="expected">A head that was kept outside; null when there is none, and then an end that was cut off
    /// whole cannot be noticed.</param>
    /// <param name="ct">Gives up.</param>
    public static async Task<AuditFinding> VerifyAsync(
        IAuditSource source, AuditHead? expected, CancellationToken ct)
    {
        var head = AuditHead.None;
        var entries = 0L;
        // What was settled by which batch, to tell which one an entry that was slipped in is missing from.
        var settled = new List<(long Id, long Batch)>();
        await foreach (var (batch, contents) in source.BatchesAsync(ct))
        {
            if (Fault(batch, contents, head) is { } fault)
            {
                return new AuditFinding(head.Number, entries, 0, head, fault);
            }

            head = batch.Head;
            entries += contents.Count;
            if (settled.Count == 0 || batch.SettledId > settled[^1].Id)
            {
                settled.Add((batch.SettledId, batch.Number));
            }

            if (expected?.Number == batch.Number && !head.Hash.AsSpan().StartsWith(expected.Hash))
            {
                return new AuditFinding(
                    head.Number, entries, 0, head,
                    $"Batch {batch.Number} is {head}, expected was {expected}: the chain was made anew up to there.");
            }
        }

        var (unsealed, slippedIn) = await UnsealedAsync(source, settled, ct);
        var end = slippedIn ?? await source.CutOffAsync(head, ct) ?? (expected?.Number > head.Number
            ? $"The trail ends at batch {head.Number}, expected was batch {expected.Number}: its end was cut off."
            : null);
        return new AuditFinding(head.Number, entries, unsealed, head, end);
    }

    private static string? Fault(AuditBatch batch, IReadOnlyList<SealedEntry> contents, AuditHead before)
    {
        if (batch.Number != before.Number + 1)
        {
            return $"Batch {before.Number + 1} is missing; the next that is there is {batch.Number}.";
        }

        if (!batch.PreviousHash.AsSpan().SequenceEqual(before.Hash))
        {
            return $"Batch {batch.Number} is broken: it does not follow the batch before it.";
        }

        foreach (var (id, digest, entry) in contents)
        {
            if (entry is null)
            {
                return $"Batch {batch.Number} is broken: entry {id} is missing.";
            }

            if (entry.Id != id || !AuditHash.Of(entry).AsSpan().SequenceEqual(digest))
            {
                return $"Batch {batch.Number} is broken: entry {id} was changed.";
            }
        }

        if (contents.Count != batch.Entries)
        {
            return $"Batch {batch.Number} is broken: it was sealed with {batch.Entries} entries and holds "
                + $"{contents.Count}.";
        }

        return AuditHash.Of(batch, contents.Select(entry => (entry.Id, entry.Digest))).AsSpan()
            .SequenceEqual(batch.Hash)
            ? null
            : $"Batch {batch.Number} is broken: its hash does not fit what it holds. Its row or its list of entries "
                + "was changed.";
    }

    private static async Task<(long Count, string? SlippedIn)> UnsealedAsync(
        IAuditSource source, List<(long Id, long Batch)> settled, CancellationToken ct)
    {
        var (count, fault) = (0L, (string?)null);
        await foreach (var entry in source.UnsealedAsync(ct))
        {
            if (settled.Count > 0 && entry.Id <= settled[^1].Id)
            {
                var by = settled.First(mark => entry.Id <= mark.Id).Batch;
                fault ??= $"Batch {by} is broken: entry {entry.Id} was slipped in. Up to that batch every entry below "
                    + "it had been sealed, and this one was not.";
            }
            else
            {
                count++;
            }
        }

        return (count, fault);
    }
}
