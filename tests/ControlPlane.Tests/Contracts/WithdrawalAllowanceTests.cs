using ControlPlane.Contracts;

namespace ControlPlane.Tests.Contracts;

/// <summary>The rule of both sides; what only an agent meets is in its own tests.</summary>
public sealed class WithdrawalAllowanceTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(20, 100, 0)]
    [InlineData(21, 100, 1)]
    [InlineData(100, 2000, 0)]
    [InlineData(101, 2000, 1)]
    public void Twenty_or_five_percent_may_go_within_an_hour(int withdrawn, int served, int held) =>
        Assert.Equal(held, Held([], Asked(withdrawn, Now.AddMinutes(-5)), served).Count);

    [Fact]
    public void Withdrawals_that_are_spread_over_hours_go()
    {
        var day = Enumerable.Range(0, 100).Select(i => Now.AddMinutes(-10 * i)).ToList();

        Assert.Empty(Held([], [.. day.Select(at => One(at))], 100));
        Assert.Empty(Held(day[50..], [.. day[..50].Select(at => One(at))], 100));
    }

    [Fact]
    public void What_went_within_the_hour_before_counts_and_what_went_earlier_does_not()
    {
        var asked = Asked(15, Now);

        Assert.Equal(10, Held([.. Enumerable.Repeat(Now.AddMinutes(-50), 15)], asked, 100).Count);
        Assert.Empty(Held([.. Enumerable.Repeat(Now.AddMinutes(-60), 15)], asked, 100));
    }

    [Fact]
    public void The_latest_of_too_many_are_held()
    {
        var (early, late) = (Asked(20, Now.AddMinutes(-1)), Asked(5, Now));

        Assert.Equal(late.Select(one => one.Domain).Order(), Held([], [.. late, .. early], 100).Order());
    }

    private static IReadOnlySet<Guid> Held(
        IReadOnlyList<DateTimeOffset> published, IReadOnlyList<AskedWithdrawal> asked, int served) =>
        WithdrawalAllowance.Held(published, asked, WithdrawalAllowance.Of(served))
            .Select(one => one.Domain).ToHashSet();

    private static List<AskedWithdrawal> Asked(int count, DateTimeOffset at) =>
        [.. Enumerable.Range(0, count).Select(_ => One(at))];

    private static AskedWithdrawal One(DateTimeOffset at) => new(Guid.NewGuid(), $"d{Guid.NewGuid():N}.example", at);
}
