using ControlPlane.CertificateAuthorities.Standings;

namespace ControlPlane.Tests.CertificateAuthorities.Standings;

/// <summary>When a CA counts as down: the judgement alone.</summary>
public sealed class CaStandingTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 2, 9, 30, 0, TimeSpan.Zero);

    private static readonly FailoverOptions Options = new()
    {
        FailoverFailures = 3,
        FailoverAfter = TimeSpan.FromMinutes(5),
        FailoverQuotaPatience = TimeSpan.FromMinutes(15),
    };

    [Theory]
    [InlineData(0, 0, null)]
    [InlineData(2, 60, null)]
    [InlineData(30, 4, null)]
    [InlineData(3, 5, "has not answered since")]
    public void Down_is_who_failed_often_enough_for_long_enough(int failures, int minutes, string? expected)
    {
        var standing = new CaStanding
        {
            Ca = "ca",
            Calls = CaCalls.Others,
            Failures = failures,
            FailingSince = failures > 0 ? Now.AddMinutes(-minutes) : null,
            FailedAt = failures > 0 ? Now : null,
        };

        Judged(expected, standing);
    }

    [Theory]
    [InlineData(10, 4, null)]
    [InlineData(14, 1, "takes no more of us until")]
    [InlineData(0, 120, "takes no more of us until")]
    [InlineData(120, 0, null)]
    [InlineData(120, -1, null)]
    public void So_is_who_has_no_quota_for_long_be_it_past_or_to_come_until_it_is_over(
        int since, int until, string? expected)
    {
        var standing = new CaStanding
        {
            Ca = "ca",
            Calls = CaCalls.Orders,
            NoQuotaSince = Now.AddMinutes(-since),
            NoQuotaUntil = Now.AddMinutes(until),
        };

        Judged(expected, standing);
    }

    [Theory]
    [InlineData("one.example.co.uk", "takes no more of us until")]
    [InlineData("one.another.co.uk", null)]
    public void A_quota_that_one_registered_domain_alone_has_met_is_that_ones(string hostname, string? expected)
    {
        var standing = new CaStanding
        {
            Ca = "ca",
            Calls = CaCalls.Orders,
            NoQuotaSince = Now,
            NoQuotaUntil = Now.AddHours(2),
            NoQuotaName = "example.co.uk",
        };

        Judged(expected, standing, hostname);
    }

    [Fact]
    public void And_who_refuses_our_credential_at_once() =>
        Judged("has refused our credential", new() { Ca = "ca", Calls = CaCalls.Orders, RefusedAt = Now });

    private static void Judged(string? expected, CaStanding standing, string hostname = "shop.example.com")
    {
        var why = standing.WhyDown(Options, hostname, Now);
        Assert.Equal(expected is null, why is null);
        Assert.StartsWith(expected ?? "", why ?? "", StringComparison.Ordinal);
    }
}
