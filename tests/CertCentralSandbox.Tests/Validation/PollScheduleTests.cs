using CertCentralSandbox.Validation;

namespace CertCentralSandbox.Tests.Validation;

public sealed class PollScheduleTests
{
    private static readonly DateTimeOffset Start = new(2026, 7, 1, 0, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("00:00:00", "00:01:00")]
    [InlineData("00:00:59", "00:01:00")]
    [InlineData("00:01:00", "00:02:00")]
    [InlineData("00:14:30", "00:15:00")]
    [InlineData("00:15:00", "00:20:00")]
    [InlineData("00:59:59", "01:00:00")]
    [InlineData("01:00:00", "01:15:00")]
    [InlineData("1.00:00:00", "1.01:00:00")]
    [InlineData("9.23:30:00", "10.00:00:00")]
    [InlineData("10.00:00:00", null)]
    public void Polls_come_as_documented(string age, string? next) =>
        Assert.Equal(
            next is null ? null : Start + TimeSpan.Parse(next),
            PollSchedule.Next(Start, Start + TimeSpan.Parse(age)));

    [Theory]
    [InlineData(1, 1, true)]
    [InlineData(1, 0, false)]
    [InlineData(4, 3, true)]
    [InlineData(4, 2, false)]
    [InlineData(6, 4, true)]
    [InlineData(6, 3, false)]
    public void Dissent_is_allowed_as_the_baseline_requirements_say(int perspectives, int agreeing, bool reached) =>
        Assert.Equal(reached, Corroboration.Reached(agreeing, perspectives));
}
