using ControlPlane.Domains.Preflight;

namespace ControlPlane.Tests.Domains.Preflight;

/// <summary>RFC 8659 §4, case by case. Records are separated by a bar.</summary>
public sealed class CaaPolicyTests
{
    private static readonly string[] Identities = ["ca.example", "old-brand.example"];

    [Theory]
    [InlineData("0 issue ca.example", true)]
    [InlineData("0 issue CA.Example", true)]
    [InlineData("0 ISSUE ca.example", true)]
    [InlineData("0 issue old-brand.example", true)]
    [InlineData("0 issue \t ca.example \t ", true)]
    [InlineData("0 issue other.example|0 issue ca.example", true)]
    [InlineData("0 issue other.example", false)]
    [InlineData("0 issue sub.ca.example", false)]
    [InlineData("0 issue ;", false)]
    [InlineData("0 issue ", false)]
    [InlineData("0 issue ;|0 issue ca.example", true)]
    [InlineData("0 issue %%%%%", false)]
    [InlineData("0 issue ca.example other.example", false)]
    [InlineData("0 issue ca.example; account=230123", true)]
    [InlineData("0 issue ca.example; account=230123; tag=", true)]
    [InlineData("0 issue ca.example; no parameter", false)]
    [InlineData("0 iodef mailto:security@example.com", true)]
    [InlineData("0 issuewild ;", true)]
    [InlineData("0 issuewild ca.example|0 issue other.example", false)]
    [InlineData("0 unknown nobody knows", true)]
    [InlineData("128 unknown nobody knows", false)]
    [InlineData("128 unknown nobody knows|0 issue ca.example", false)]
    [InlineData("1 unknown the bit is another", true)]
    [InlineData("128 issue ca.example", true)]
    [InlineData("128 iodef mailto:security@example.com", true)]
    public void What_a_set_says_of_a_name(string set, bool permits) => Assert.Equal(permits, Judge(set, false).Permits);

    [Theory]
    [InlineData("0 issuewild ca.example|0 issue other.example", true)]
    [InlineData("0 issuewild other.example|0 issue ca.example", false)]
    [InlineData("0 issue ca.example", true)]
    [InlineData("0 issue other.example", false)]
    public void What_it_says_of_a_wildcard(string set, bool permits) => Assert.Equal(permits, Judge(set, true).Permits);

    [Theory]
    [InlineData("0 issue ca.example; accounturi=https://ca.example/1", true)]
    [InlineData("0 issue ca.example; ValidationMethods=dns-01", true)]
    [InlineData("0 issue ca.example; validationmethods=dns-01|0 issue ca.example", false)]
    [InlineData("0 issue ca.example; policy=ev", false)]
    public void Conditions_count_when_every_record_for_us_has_one(string set, bool narrowed) =>
        Assert.Equal((true, narrowed), (Judge(set, false).Permits, Judge(set, false).Narrowed));

    [Fact]
    public void A_record_is_shown_as_it_is_typed_in() => Assert.Equal(
        "128 issue \"a \\\"quoted\\\" \\\\ value\"",
        CaaPolicy.Show(CaaTexts.Parse("128 issue a \"quoted\" \\ value")));

    private static CaaVerdict Judge(string set, bool wildcard) =>
        CaaPolicy.Judge([.. set.Split('|').Select(CaaTexts.Parse)], Identities, wildcard);
}
