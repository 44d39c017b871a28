using ControlPlane.Contracts;

namespace SyncAgent.Local;

/// <summary>What a comparison with the control plane has shown about one name.</summary>
/// <param name="Hostname">The name.</param>
/// <param name="Cause">One of <see cref="DriftCauses"/>.</param>
internal sealed record Drift(string Hostname, string Cause);

/// <summary>How a record can differ from what the fleet wants.</summary>
internal static class DriftCauses
{
    /// <summary>The fleet wants a name that the record does not hold.</summary>
    public const string Missing = "missing";

    /// <summary>The record holds another bundle, revision, domain or lowest TLS than the fleet wants.</summary>
    public const string Differs = "differs";

    /// <summary>The record holds a name that the fleet does not list and nobody withdrew.</summary>
    public const string Stray = "stray";

    public static IReadOnlyList<string> All { get; } = [Missing, Differs, Stray];
}

/// <summary>The record as a digest, kept with every change, and its correction where the control plane's
/// differs.</summary>
internal sealed partial class DesiredBook
{
    private StateDigest _digest = new();
    private long _digestEpoch;

    /// <summary>What is to be compared; null while the record is not complete.</summary>
    public DigestRequest? ToCompare()
    {
        lock (_lock)
        {
            return Mark.Epoch == 0 || Mark.Relisting
                ? null
                : new DigestRequest(Mark.Epoch, Mark.Revision, _digest.ToBytes());
        }
    }

    /// <summary>Takes the control plane's word for the buckets it answered, durably. What it does not list there
    /// becomes a stray: served as before, told, and counted no more.</summary>
    /// <param name="answer">Compared at a revision that this record has reached since.</param>
    /// <returns>null when the answer belongs to another epoch, or the record has not reached it.</returns>
    public IReadOnlyList<Drift>? Correct(DigestAnswer answer)
    {
        lock (_lock)
        {
            if (answer.Epoch != Mark.Epoch || Mark.Relisting || answer.Revision > Mark.Revision)
            {
                return null;
            }

            var lines = new List<JournalLine>();
            var drift = new List<Drift>();
            foreach (var listed in answer.Domains.Where(listed => HostnameSyntax.IsValid(listed.Hostname)))
            {
                var known = _entries.GetValueOrDefault(listed.Hostname);
                if (CauseOf(listed, known, answer) is { } cause)
                {
                    lines.Add(new JournalLine(listed, null, null, answer.Epoch));
                    drift.Add(new Drift(listed.Hostname, cause));
                }
            }

            var domains = answer.Domains.Select(listed => listed.Domain).ToHashSet();
            var hostnames = answer.Domains.Select(listed => listed.Hostname).ToHashSet(StringComparer.Ordinal);
            var buckets = answer.Buckets.ToHashSet();
            foreach (var (hostname, known) in _entries)
            {
                if (IsDigested(known) && known.Revision <= answer.Revision
                    && buckets.Contains(StateDigest.BucketOf(known.Domain))
                    && !domains.Contains(known.Domain) && !hostnames.Contains(hostname))
                {
                    // An epoch that is over is what makes a name a stray, after a restart too.
                    lines.Add(new JournalLine(known.Wanted, null, null, known.Epoch - 1));
                    drift.Add(new Drift(hostname, DriftCauses.Stray));
                }
            }

            if (lines.Count > 0)
            {
                Append(lines);
                lines.ForEach(Apply);
            }

            return drift;
        }
    }

    /// <summary>What the record learned after the comparison is newer than the answer.</summary>
    private static string? CauseOf(DesiredDomain listed, BookEntry? known, DigestAnswer answer)
    {
        return known is null ? DriftCauses.Missing
            : known.Epoch == answer.Epoch && known.Revision > answer.Revision ? null
            : known.Epoch == answer.Epoch && known.Wanted is { } wanted
                && (wanted.Domain, wanted.Revision, wanted.Fingerprint, wanted.TlsMinimum)
                    == (listed.Domain, listed.Revision, listed.Fingerprint, listed.TlsMinimum) ? null
            : DriftCauses.Differs;
    }

    /// <summary>A fingerprint that is none has no place in a digest; the bundle it names is refused anyhow.</summary>
    private bool IsDigested(BookEntry entry) =>
        entry.Epoch == _digestEpoch
        && entry.Wanted?.Fingerprint is { Length: 64 } fingerprint && fingerprint.All(char.IsAsciiHexDigit);

    private void Toggle(BookEntry? entry)
    {
        if (entry is not null && IsDigested(entry))
        {
            _digest.Toggle(entry.Domain, entry.Revision, entry.Wanted!.Fingerprint, entry.Wanted.TlsMinimum);
        }
    }

    /// <summary>At the start, and when an epoch begins: what an older one said counts no more.</summary>
    private void DigestAnew()
    {
        _digest = new StateDigest();
        _digestEpoch = Mark.Epoch;
        foreach (var entry in _entries.Values)
        {
            Toggle(entry);
        }
    }
}
