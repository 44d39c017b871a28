using ControlPlane.Domains;

namespace ControlPlane.Tests.Domains;

public sealed class FleetOptionsTests
{
    [Theory]
    [InlineData("edge.example.com", true)]
    [InlineData("Edge.example.com", false)]
    [InlineData("edge..example.com", false)]
    [InlineData("edge.example.com.", false)]
    [InlineData("bücher.example.com", false)]
    public void A_target_that_is_no_legal_name_is_refused_at_the_start(string target, bool good) =>
        Assert.Equal(good, !new FleetOptions { CnameTarget = target }.Faults().Any());

    [Fact]
    public void A_target_for_each_tenant_needs_one_to_stand_below() =>
        Assert.Single(new FleetOptions { Addresses = ["192.0.2.1"], TenantTargets = true }.Faults());
}
