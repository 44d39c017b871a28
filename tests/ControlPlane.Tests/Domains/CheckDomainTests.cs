using ControlPlane.Tests.Http;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Domains;

/// <summary>Threat: a portal turns our own checks against a third party.</summary>
public sealed class CheckDomainTests(ApiFixture api) : IClassFixture<ApiFixture>
{
    /// <summary>Fails when we knock at a third party's door as often as a portal likes.</summary>
    [Fact]
    public async Task However_often_a_check_is_asked_for_a_name_that_leads_elsewhere_is_probed_early_once_a_minute()
    {
        var id = await api.RegisterAsync("reflect.example.com");
        var waits = new List<TimeSpan>();
        for (var asked = 0; asked < 3; asked++)
        {
            await using var db = api.Open();
            var later = api.Clock.GetUtcNow().AddHours(1).ToUniversalTime();
            await db.Database.ExecuteSqlAsync(
                $"UPDATE orders SET reason = 'dns-elsewhere', next_attempt_at = {later} WHERE domain_id = {id}");
            await api.Acme.PostAsync($"/v1/domains/{id}/check", null);
            var due = (await db.Orders.SingleAsync(order => order.DomainId == id)).NextAttemptAt!.Value;
            waits.Add(due - api.Clock.GetUtcNow());
        }

        Assert.True(waits[0] <= TimeSpan.Zero);
        Assert.All(waits.Skip(1), wait => Assert.InRange(wait, TimeSpan.FromTicks(1), TimeSpan.FromMinutes(1)));
    }

    /// <summary>Fails when one portal can use up the quota of all at the CA.</summary>
    [Theory]
    [InlineData("PendingOrder")]
    [InlineData("PendingValidation")]
    public async Task However_often_a_check_is_asked_for_the_ca_is_asked_early_once_a_minute(string state)
    {
        var id = await api.RegisterAsync($"hasty-{state.ToLowerInvariant()}.example.com");
        var early = 0;
        for (var asked = 0; asked < 3; asked++)
        {
            await using var db = api.Open();
            var later = api.Clock.GetUtcNow().AddHours(1).ToUniversalTime();
            await db.Database.ExecuteSqlAsync(
                $"""
                 UPDATE orders SET state = {state}, reason = 'ca-budget-spent', ca_order_id = 'ca-1',
                     next_attempt_at = {later}
                 WHERE domain_id = {id}
                 """);
            await api.Acme.PostAsync($"/v1/domains/{id}/check", null);
            var due = (await db.Orders.SingleAsync(order => order.DomainId == id)).NextAttemptAt!.Value;
            early += due < later.AddMinutes(-1) ? 1 : 0;
        }

        Assert.Equal(1, early);
    }
}
