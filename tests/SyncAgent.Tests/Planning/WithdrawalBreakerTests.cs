using ControlPlane.Contracts;
using SyncAgent.Planning;

namespace SyncAgent.Tests.Planning;

public sealed class WithdrawalBreakerTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(20, 100, 0)]
    [InlineData(21, 100, 1)]
    [InlineData(100, 2000, 0)]
    [InlineData(101, 2000, 1)]
    public void Twenty_or_five_percent_may_go_within_an_hour(int withdrawn, int manifest, int held)
    {
        Assert.Equal(held, WithdrawalBreaker.Held(Tombstones(withdrawn, Now.AddMinutes(-5)), manifest, Now).Count);
    }

    [Fact]
    public void A_node_that_was_away_catches_up_with_withdrawals_that_were_spread_over_hours()
    {
        var day = Enumerable.Range(0, 100).Select(i => Tombstone(i, Now.AddMinutes(-10 * i)));

        Assert.Empty(WithdrawalBreaker.Held(day, 100, Now));
    }

    [Fact]
    public void An_hour_that_begins_in_the_middle_of_two_counts_too()
    {
        var (early, late) = (Tombstones(15, Now.AddMinutes(-50)), Tombstones(15, Now.AddMinutes(-10), first: 100));

        Assert.Equal(10, WithdrawalBreaker.Held([.. early, .. late], 100, Now).Count);
    }

    [Fact]
    public void Approved_withdrawals_are_neither_held_nor_counted()
    {
        var approved = Tombstones(500, Now).Select(tombstone => tombstone with { Approval = "yes" });

        Assert.Empty(WithdrawalBreaker.Held([.. approved, .. Tombstones(20, Now, first: 1000)], 100, Now));
    }

    [Fact]
    public void Times_in_the_future_count_as_now()
    {
        var spread = Enumerable.Range(0, 60).Select(i => Tombstone(i, Now.AddHours(i)));

        Assert.Equal(40, WithdrawalBreaker.Held(spread, 100, Now).Count);
    }

    private static IEnumerable<Tombstone> Tombstones(int count, DateTimeOffset at, int first = 0) =>
        Enumerable.Range(first, count).Select(i => Tombstone(i, at));

    private static Tombstone Tombstone(int i, DateTimeOffset at) =>
        new(Guid.NewGuid(), $"d{i}.example.com", at, null, i);
}
