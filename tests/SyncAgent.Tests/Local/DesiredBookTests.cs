using ControlPlane.Contracts;
using SyncAgent.Local;

namespace SyncAgent.Tests.Local;

public sealed class DesiredBookTests : IDisposable
{
    private const string Name = "shop.example.com";
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
    private readonly string _folder = Directory.CreateTempSubdirectory("agent-book-").FullName;

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
    public void A_new_epoch_counts_on_every_page_of_its_list_however_low_its_revisions()
    {
        using var book = Open();
        book.Record(Page([Wanted(90)], []));

        book.Record(Page([], []) with { Epoch = 2, Revision = 3, More = true });
        var changed = book.Record(Page([Wanted(5)], []) with { Epoch = 2 });

        Assert.Equal([Name], changed);
        Assert.Equal((2, 5), (book.Find(Name)!.Epoch, book.Find(Name)!.Revision));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static DesiredStatePage Page(DesiredDomain[] upserts, Tombstone[] tombstones) =>
        new(1, 9, "next", More: false, upserts, tombstones);

    private static DesiredDomain Wanted(long revision) =>
        new(Guid.CreateVersion7(), Name, Guid.CreateVersion7(), "01", new string('a', 64), Now.AddDays(90), revision);

    private static Tombstone Withdrawn(long revision) => new(Guid.CreateVersion7(), Name, Now, null, revision);

    private DesiredBook Open() => DesiredBook.Open(Path.Combine(_folder, "desired.jsonl"), (_, _) => false);
}
