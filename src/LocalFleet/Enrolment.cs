using LocalFleet.Up;

namespace LocalFleet;

/// <summary>Brings the nodes into the fleet: an admin makes a one-time code for each, and its agent joins with it.</summary>
internal static class Enrolment
{
    public static async Task EnsureAsync(Fleet fleet, CancellationToken cancellation)
    {
        using var admin = ApiClient.ForAdmin(fleet);
        foreach (var agent in fleet.Agents.Where(agent => !agent.IsEnrolled))
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/join-codes");
            var code = await admin.SendAsync(request, cancellation);
            await agent.EnrolAsync(code.GetProperty("joinCode").GetString()!, cancellation);
        }
    }
}
