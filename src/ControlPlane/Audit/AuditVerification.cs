namespace ControlPlane.Audit;

/// <summary>What a verification found.</summary>
/// <param name="Batches">That are whole, from the first on.</param>
/// <param name="Entries">In these.</param>
/// <param name="Unsealed">Entries that are in no batch yet: nothing speaks for or against them.</param>
/// <param name="Head">The last of those whole batches.</param>
/// <param name="Faults">What is wrong, each in a sentence that names batch and entry, the first batch first; empty when
/// the trail is whole.</param>
internal sealed record AuditFinding(
    long Batches, long Entries, long Unsealed, AuditHead Head, IReadOnlyList<string> Faults)
{
    public string? Fault => Faults.Count > 0 ? Faults[0] : null;
}

/// <summary>Follows the chain from its beginning to its end. What is wrong does not stop it: a batch that somebody
/// broke long ago must not hide what is done to later ones.</summary>
internal static class AuditVerification
{
    /// <param name="source">The trail.</param>
    /// <param name="expected">A head that was kept outside; null when there is none, and then an end that was cut off
    /// whole cannot be noticed.</param>
    /// <param name="ct">Gives up.</param>
    public static async Task<AuditFinding> VerifyAsync(
        IAuditSource source, AuditHead? expected, CancellationToken ct)
    {
        var (head, whole) = (AuditHead.None, AuditHead.None);
        var entries = 0L;
        var faults = new List<string>();
        // What was settled by which batch, to tell which one an entry that was slipped in is missing from.
        var settled = new List<(long Id, long Batch)>();
        await foreach (var (batch, contents) in source.BatchesAsync(ct))
        {
            var broken = ContentsFault(batch, contents);
            faults.AddRange(new[] { LinkFault(batch, head), broken }.OfType<string>());
            head = batch.Head;
            if (expected?.Number == batch.Number && !head.Hash.AsSpan().StartsWith(expected.Hash))
            {
                faults.Add(
                    $"Batch {batch.Number} is {head}, expected was {expected}: the chain was made anew up to there.");
            }

            if (faults.Count == 0)
            {
                whole = head;
                entries += contents.Count;
            }

            // Of a broken one nothing is believed.
            if (broken is null && (settled.Count == 0 || batch.SettledId > settled[^1].Id))
            {
                settled.Add((batch.SettledId, batch.Number));
            }
        }

        var (unsealed, slippedIn) = await UnsealedAsync(source, settled, ct);
        faults.AddRange(slippedIn);
        if (await source.CutOffAsync(head, ct) is { } cutOff)
        {
            faults.Add(cutOff);
        }

        if (expected?.Number > head.Number)
        {
            faults.Add(
                $"The trail ends at batch {head.Number}, expected was batch {expected.Number}: its end was cut off.");
        }

        return new AuditFinding(whole.Number, entries, unsealed, whole, faults);
    }

    private static string? LinkFault(AuditBatch batch, AuditHead before) =>
        batch.Number != before.Number + 1
            ? $"Batch {before.Number + 1} is missing; the next that is there is {batch.Number}."
        : !batch.PreviousHash.AsSpan().SequenceEqual(before.Hash)
            ? $"Batch {batch.Number} is broken: it does not follow the batch before it."
        : null;

    private static string? ContentsFault(AuditBatch batch, IReadOnlyList<SealedEntry> contents)
    {
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

    /// <returns>How many are in no batch, and of each batch the first that should be in it.</returns>
    private static async Task<(long Count, IReadOnlyList<string> SlippedIn)> UnsealedAsync(
        IAuditSource source, List<(long Id, long Batch)> settled, CancellationToken ct)
    {
        var (count, faults, named) = (0L, new List<string>(), new HashSet<long>());
        await foreach (var entry in source.UnsealedAsync(ct))
        {
            if (settled.Count == 0 || entry.Id > settled[^1].Id)
            {
                count++;
            }
            else if (settled.First(mark => entry.Id <= mark.Id).Batch is var by && named.Add(by))
            {
                faults.Add(
                    $"Batch {by} is broken: entry {entry.Id} was slipped in. Up to that batch every entry below it "
                    + "had been sealed, and this one was not.");
            }
        }

        return (count, faults);
    }
}
