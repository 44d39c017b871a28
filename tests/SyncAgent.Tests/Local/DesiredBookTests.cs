using ControlPlane.Contracts;
using SyncAgent.Local;

namespace SyncAgent.Tests.Local;

public sealed class DesiredBookTests : IDisposable
{
    private const string Name = "shop.example.com";
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
    private readonly string _folder = Directory.CreateTempSubdirectory("agent-book-").FullName;
    private readonly Dictionary<string, BundleFile> _onDisk = new()
    {
        [Name] = new(new string('a', 64), "A", Now, Now.AddDays(9), default, 1),
    };

    [Theory]
    [InlineData(5, 9, true)]
    [InlineData(9, 5, false)]
    public void Of_a_name_that_is_on_a_page_as_two_domains_the_later_revision_counts(
        long withdrawn, long wanted, bool isServed)
    {
        using (var book = Open())
        {
            var changed = book.Record(Page([Wanted(wanted)], [Withdrawn(withdrawn)]));

            Assert.Equal([Name], changed);
            Assert.Equal(isServed, book.Find(Name)!.Wanted is not null);
        }

        using var again = Open();
        Assert.Equal(isServed, again.Find(Name)!.Wanted is not null);
    }

    [Fact]
    public void A_name_that_passed_to_another_domain_stays_whichever_page_tells_of_the_old_ones_end()
    {
        using var book = Open();
        book.Record(Page([Wanted(9)], []) with { More = true });

        Assert.Equal([], book.Record(Page([], [Withdrawn(9)])));

        Assert.NotNull(book.Find(Name)!.Wanted);
    }

    [Fact]
    public void A_new_epoch_counts_on_every_page_of_its_list_however_low_its_revisions()
    {
        using var book = Open();
        book.Record(Page([Wanted(90)], []));

        book.Record(Page([], []) with { Epoch = 2, Revision = 3, More = true });
        var changed = book.Record(Page([Wanted(5)], []) with { Epoch = 2 });

        Assert.Equal([Name], changed);
        Assert.Equal((2, 5), (book.Find(Name)!.Epoch, book.Find(Name)!.Revision));
    }

    [Theory]
    [InlineData(1, 8, false, true)]
    [InlineData(1, 8, true, true)]
    [InlineData(0, 99, false, true)]
    [InlineData(1, 9, false, false)]
    [InlineData(2, 1, false, false)]
    public void Older_than_what_was_accepted_is_refused_over_restarts_and_with_a_lost_journal(
        long epoch, long revision, bool more, bool isRefused)
    {
        using (var book = Open())
        {
            book.Record(Page([Wanted(9)], []));
            Assert.Equal(isRefused, book.Record(Of(epoch, revision, more)) is null);
        }

        File.Delete(Path.Combine(_folder, "high-water.json"));
        using (var book = Open())
        {
            Assert.Equal(isRefused, book.Record(Of(epoch, revision, more)) is null);
        }

        File.Delete(Path.Combine(_folder, "desired.jsonl"));
        using (var book = Open())
        {
            Assert.Null(book.Mark.Cursor);
            // A page with others behind it is how every full list begins.
            Assert.Equal(isRefused && !more, book.Record(Of(epoch, revision, more)) is null);
        }
    }

    /// <summary>A full disk has room for a line in a file that is there, and none for a new one.</summary>
    [Fact]
    public void A_page_whose_position_could_not_be_written_is_news_when_it_comes_again()
    {
        using var book = Open();
        var page = Page([Wanted(9)], []);
        var full = Directory.CreateDirectory(Path.Combine(_folder, "high-water.json.new"));

        Assert.ThrowsAny<Exception>(() => book.Record(page));
        Assert.Null(book.Mark.Cursor);
        full.Delete();

        Assert.Equal([Name], book.Record(page));
        Assert.Equal("next", book.Mark.Cursor);
    }

    [Fact]
    public void A_damaged_high_water_file_is_set_aside_and_the_journal_still_refuses_what_is_older()
    {
        using (var book = Open())
        {
            book.Record(Page([Wanted(9)], []));
        }

        var file = Path.Combine(_folder, "high-water.json");
        File.WriteAllText(file, File.ReadAllText(file).Replace("\"revision\":9", "\"revision\":3"));
        var highest = HighWater.Open(file);

        Assert.Equal((file + ".damaged", 0), (highest.SetAside, highest.Mark.Epoch));
        using var again = Open();
        Assert.Null(again.Record(Of(1, 3, more: false)));
        Assert.Equal(9, HighWater.Open(file).Mark.Revision);
    }

    [Fact]
    public void A_journal_that_is_damaged_before_its_end_is_kept_for_a_person_and_asked_for_again()
    {
        using (var book = Open())
        {
            book.Record(Page([Wanted(5)], []) with { Revision = 5 });
            book.Record(Page([Wanted(9)], []));
        }

        var file = Path.Combine(_folder, "desired.jsonl");
        File.WriteAllLines(file, ["{ torn", .. File.ReadAllLines(file)]);
        using var again = Open();

        Assert.Equal(file + ".damaged", again.SetAside);
        Assert.Equal((1, 9, null), (again.Mark.Epoch, again.Mark.Revision, again.Mark.Cursor));
    }

    [Fact]
    public void A_name_that_a_new_epochs_list_does_not_hold_is_a_stray_and_still_wanted()
    {
        using var book = Open();
        book.Record(Page([Wanted(9)], []));

        Assert.Empty(book.Strays(_onDisk));
        book.Record(Of(2, 1, more: true));
        Assert.Empty(book.Strays(_onDisk));
        book.Record(Of(2, 2, more: false));

        Assert.Equal(Name, Assert.Single(book.Strays(_onDisk)).Hostname);
        Assert.NotNull(book.Find(Name)!.Wanted);
    }

    /// <summary>Fails when a restore to a moment between a name's deletion and its next registration takes it down on
    /// every node, and keeps silent about who had it.</summary>
    [Fact]
    public void A_tombstone_of_an_earlier_domain_ends_no_later_one_that_a_restore_has_forgotten()
    {
        using var book = Open();
        book.Record(Page([Wanted(9) with { Domain = Guid.CreateVersion7(Now.AddHours(1)) }], []));
        var before = Withdrawn(5) with { Domain = Guid.CreateVersion7(Now) };

        Assert.Equal([], book.Record(Page([], [before]) with { Epoch = 2, Revision = 5 }));

        Assert.NotNull(book.Find(Name)!.Wanted);
        Assert.Equal(Name, Assert.Single(book.Strays(_onDisk)).Hostname);

        // Registered once more after the restore, and deleted: that is meant.
        var after = Withdrawn(6) with { Domain = Guid.CreateVersion7(Now.AddHours(2)) };
        Assert.Equal([Name], book.Record(Page([], [after]) with { Epoch = 2, Revision = 6 }));
        Assert.Null(book.Find(Name)!.Wanted);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static DesiredStatePage Page(DesiredDomain[] upserts, Tombstone[] tombstones) =>
        new(1, 9, "next", More: false, upserts, tombstones);

    private static DesiredStatePage Of(long epoch, long revision, bool more) =>
        new(epoch, revision, "next", more, [], []);

    private static DesiredDomain Wanted(long revision) =>
        new(Guid.CreateVersion7(), Name, Guid.CreateVersion7(), "01", new string('a', 64), Now.AddDays(90), revision);

    private static Tombstone Withdrawn(long revision) => new(Guid.CreateVersion7(), Name, Now, null, revision);

    private DesiredBook Open() => DesiredBook.Open(
        Path.Combine(_folder, "desired.jsonl"), HighWater.Open(Path.Combine(_folder, "high-water.json")),
        (_, _) => false);
}
