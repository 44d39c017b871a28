using ControlPlane.Campaigns;

namespace ControlPlane.Tests.Campaigns;

public sealed class CampaignWordsTests
{
    /// <summary>Fails when what somebody gave as a reason adds a line to a list, or commands the terminal it is read
    /// on.</summary>
    [Fact]
    public void A_reason_is_one_line_and_no_command() => Assert.Equal(
        "It  [2J said: so", CampaignWords.Line("It\n\u001b[2J said:\tso"));
}
