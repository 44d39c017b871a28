using System.Net.Http.Json;
using ControlPlane.Tests.Http;
using ControlPlane.Tests.SupportConsole;

namespace ControlPlane.Tests.Campaigns;

/// <summary>What the console shows of campaigns.</summary>
public sealed class CampaignPageTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Fact]
    public async Task A_campaign_is_listed_with_its_state_and_its_page_tells_what_happened()
    {
        var plan = await ApiFixture.ReadAsync(await api.Admin.PostAsJsonAsync("/v1/campaigns", new
        {
            reason = $"The CA said so. {ConsoleScene.Markup}",
            deadline = api.Clock.GetUtcNow().AddHours(24),
            filter = new { hostnames = new[] { "nobody.example.com" } },
        }));
        await api.Admin.PostAsync($"/v1/campaigns/{plan["id"]}/start", null);
        using var visitor = await ConsoleVisitor.SignedInAsync(api);

        var list = await visitor.ReadAsync("/console/campaigns");
        Assert.Contains($"/console/campaigns/{plan["id"]}", list, StringComparison.Ordinal);
        Assert.Contains("running", list, StringComparison.Ordinal);
        var page = await visitor.ReadAsync($"/console/campaigns/{plan["id"]}");
        Assert.Contains("0 of 0 found", page, StringComparison.Ordinal);
        Assert.Contains("not served 1", page, StringComparison.Ordinal);
        Assert.Contains("campaign.started", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<img src=x", list + page, StringComparison.Ordinal);
        using var nothing = await visitor.GetAsync($"/console/campaigns/{Guid.NewGuid()}");
        Assert.Equal(System.Net.HttpStatusCode.NotFound, nothing.StatusCode);
    }
}
