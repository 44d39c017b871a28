using ControlPlane.Domains.Renewing;

namespace ControlPlane.Tests.Domains.Renewing;

public sealed class OrderYearTests
{
    [Theory]
    [InlineData(47, 47, true)]
    [InlineData(47, 46, false)]
    [InlineData(199, 90, true)]
    [InlineData(199, 89, false)]
    public void A_reissue_will_do_while_it_lasts_a_life_or_ninety_days(int lifetime, int left, bool covers)
    {
        var now = DateTimeOffset.UnixEpoch;
        Assert.Equal(covers, OrderYear.CoversAnother(now.AddDays(left), TimeSpan.FromDays(lifetime), now));
    }
}
