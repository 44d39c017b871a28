using ControlPlane.Contracts;
using SyncAgent.Local;

namespace SyncAgent.Tests.Local;

/// <summary>The record's digest, and its correction.</summary>
public sealed class DesiredBookDigestTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
    private readonly string _folder = Directory.CreateTempSubdirectory("agent-digest-").FullName;

    /// <summary>Fails when a change is toggled twice or not at all, or when a restart counts otherwise.</summary>
    [Fact]
    public void It_is_the_digest_of_what_is_wanted_through_changes_withdrawals_restarts_and_epochs()
    {
        var (a, b, c) = (Wanted("a.example.com", 1), Wanted("b.example.com", 2), Wanted("c.example.com", 3));
        var renewed = a with { Revision = 4, Fingerprint = new string('f', 64) };
        using (var book = Open())
        {
            book.Record(Page(1, 3, [a, b, c], []));
            AssertDigestOf(book, a, b, c);
            book.Record(Page(1, 5, [renewed], [new Tombstone(b.Domain, b.Hostname, Now, null, 5)]));
            AssertDigestOf(book, renewed, c);
        }

        using (var again = Open())
        {
            AssertDigestOf(again, renewed, c);
            again.Record(Page(2, 1, [c with { Revision = 1 }], []));
            AssertDigestOf(again, c with { Revision = 1 });
        }
    }

    [Fact]
    public void A_record_is_corrected_durably_and_each_difference_has_its_cause()
    {
        var (kept, missing, other, stray) = (
            Wanted("kept.example.com", 1), Wanted("missing.example.com", 2), Wanted("other.example.com", 3),
            Wanted("stray.example.com", 4));
        var right = other with { Fingerprint = new string('c', 64) };
        using (var book = Open())
        {
            book.Record(Page(1, 4, [kept, other, stray], []));

            var drift = book.Correct(Answer(4, kept, missing, right));

            Assert.Equal(
                [
                    new Drift(missing.Hostname, DriftCauses.Missing), new Drift(other.Hostname, DriftCauses.Differs),
                    new Drift(stray.Hostname, DriftCauses.Stray),
                ],
                drift);
            AssertDigestOf(book, kept, missing, right);
            Assert.Equal([], book.Correct(Answer(4, kept, missing, right)));
        }

        using var again = Open();
        AssertDigestOf(again, kept, missing, right);
        var onDisk = new Dictionary<string, BundleFile>
        {
            [stray.Hostname] = new(new string('a', 64), "A", Now, Now.AddDays(9), default, 1),
        };
        Assert.Equal(stray.Hostname, Assert.Single(again.Strays(onDisk)).Hostname);
        // Still wanted: nothing deletes it.
        Assert.NotNull(again.Find(stray.Hostname)!.Wanted);
    }

    /// <summary>The journal of an agent that did not know of it holds the revision without it.</summary>
    [Fact]
    public void A_lowest_TLS_that_the_record_lacks_is_drift_and_survives_a_restart_once_it_is_corrected()
    {
        var known = Wanted("a.example.com", 1);
        var wanted = known with { TlsMinimum = TlsVersions.Tls13 };
        using (var book = Open())
        {
            book.Record(Page(1, 1, [known], []));

            Assert.Equal([new Drift(known.Hostname, DriftCauses.Differs)], book.Correct(Answer(1, wanted)));
            AssertDigestOf(book, wanted);
        }

        using var again = Open();
        Assert.Equal(TlsVersions.Tls13, again.Find(known.Hostname)!.Wanted!.TlsMinimum);
        AssertDigestOf(again, wanted);
    }

    /// <summary>Fails when a withdrawal that is on its way makes a stray, or an answer undoes what came after
    /// it.</summary>
    [Fact]
    public void An_answer_ahead_of_the_record_or_of_another_epoch_changes_nothing_and_one_behind_it_undoes_nothing()
    {
        var (old, renewed) = (Wanted("a.example.com", 2), Wanted("a.example.com", 7));
        using var book = Open();
        book.Record(Page(1, 7, [renewed], []));

        Assert.Null(book.Correct(Answer(8)));
        Assert.Null(book.Correct(Answer(7, old) with { Epoch = 2 }));
        Assert.Equal([], book.Correct(Answer(5, old)));
        Assert.Equal([], book.Correct(Answer(5)));

        AssertDigestOf(book, renewed);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static void AssertDigestOf(DesiredBook book, params DesiredDomain[] rows)
    {
        var expected = new StateDigest();
        foreach (var row in rows)
        {
            expected.Toggle(row.Domain, row.Revision, row.Fingerprint, row.TlsMinimum);
        }

        Assert.Equal(expected.ToBytes(), book.ToCompare()!.Buckets);
    }

    private static DigestAnswer Answer(long revision, params DesiredDomain[] rows) =>
        new(1, revision, StateDigest.Buckets, [.. Enumerable.Range(0, StateDigest.Buckets)], rows);

    private static DesiredStatePage Page(
        long epoch, long revision, DesiredDomain[] upserts, Tombstone[] tombstones) =>
        new(epoch, revision, "next", More: false, upserts, tombstones);

    private static DesiredDomain Wanted(string hostname, long revision) =>
        new(
            Guid.CreateVersion7(), hostname, Guid.CreateVersion7(), "01", new string('a', 64), Now.AddDays(90),
            revision);

    private DesiredBook Open() => DesiredBook.Open(
        Path.Combine(_folder, "desired.jsonl"), HighWater.Open(Path.Combine(_folder, "high-water.json")),
        (_, _) => false);
}
