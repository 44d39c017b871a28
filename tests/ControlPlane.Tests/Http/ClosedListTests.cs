using System.Reflection;
using ControlPlane.Domains.Preflight;
using ControlPlane.Domains.Renewing;
using ControlPlane.Http;

namespace ControlPlane.Tests.Http;

/// <summary>What a GET looks up by its code must be in the list: one that is missing is shown as something else, and no
/// filter finds it.</summary>
public sealed class ClosedListTests
{
    [Fact]
    public void Every_reason_is_found_by_its_code() =>
        Assert.Equivalent(
            Of<Reason>(typeof(Reasons)).Concat(Of<Reason>(typeof(PreflightReasons)))
                .Concat(Of<Reason>(typeof(RenewalReasons))),
            Reasons.ByCode.Values, strict: true);

    [Fact]
    public void Every_problem_is_found_by_its_code() =>
        Assert.All(Of<ProblemKind>(typeof(Problems)), kind => Assert.Same(kind, Problems.ByCode[kind.Code]));

    private static List<T> Of<T>(Type list) =>
    [
        .. list.GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => field.GetValue(null)).OfType<T>(),
    ];
}
