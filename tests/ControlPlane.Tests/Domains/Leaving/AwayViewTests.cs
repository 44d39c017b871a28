using ControlPlane.Tests.Http;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Domains.Leaving;

/// <summary>What a portal sees of a name that left.</summary>
public sealed class AwayViewTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    [Theory]
    [InlineData(false, "dns-moved-away")]
    [InlineData(true, "renewals-stopped")]
    public async Task It_is_active_and_says_who_must_do_what(bool isFinal, string reason)
    {
        var id = await api.RegisterAsync($"away-{isFinal}.example.com".ToLowerInvariant());
        var since = api.Clock.GetUtcNow().AddDays(-8);
        await using (var db = api.Open())
        {
            DateTimeOffset? stopped = isFinal ? since.AddDays(7) : null;
            await db.Database.ExecuteSqlAsync(
                $"""
                 UPDATE domains SET status = 'Active', dns_away_since = {since}, dns_failed_looks = 9,
                     renewals_stopped_at = {stopped}
                 WHERE id = {id}
                 """);
        }

        var domain = await ApiFixture.ReadAsync(await api.Acme.GetAsync($"/v1/domains/{id}"));

        Assert.Equal((reason, "customer"), (domain["reason"]!["code"]!.ToString(), domain["waitingOn"]!.ToString()));
        Assert.Contains("has led elsewhere since", domain["reason"]!["detail"]!.ToString(), StringComparison.Ordinal);
        Assert.Equal(9, domain["dns"]!["failedLooks"]!.GetValue<int>());
        Assert.Equal(isFinal, domain["dns"]!["renewalsStoppedAt"] is not null);
        Assert.Contains(id.ToString(), await api.Acme.GetStringAsync("/v1/domains?waitingOn=customer"));
        Assert.DoesNotContain(id.ToString(), await api.Acme.GetStringAsync("/v1/domains?waitingOn=none"));
    }
}
