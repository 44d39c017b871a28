using ControlPlane.CertificateAuthorities;
using ControlPlane.CertificateAuthorities.Standings;

namespace ControlPlane.Tests.CertificateAuthorities.Standings;

public sealed class WatchedAuthorityTests
{
    /// <summary>Many members have a body of their own in the interface: one that is not passed on would answer with
    /// that, and nobody would notice.</summary>
    [Fact]
    public void Every_member_is_passed_on_to_the_ca()
    {
        var map = typeof(WatchedAuthority).GetInterfaceMap(typeof(ICertificateAuthority));

        Assert.All(map.TargetMethods, method => Assert.Equal(typeof(WatchedAuthority), method.DeclaringType));
    }
}
