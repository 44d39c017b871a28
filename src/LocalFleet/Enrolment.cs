using System.Net.Http.Json;
using LocalFleet.Up;

namespace LocalFleet;

/// <summary>Brings the nodes into the fleet: an admin makes a one-time code for each, and its agent joins with
/// it.</summary>
internal static class Enrolment
{
    // 2 min: an agent reports at once when it starts; a control plane under load takes seconds to believe it.
    private static readonly TimeSpan ServingLimit = TimeSpan.FromMinutes(2);

    /// <summary>Activation waits for Serving nodes only: a domain must not become active before all of them
    /// count.</summary>
    /// <exception cref="FleetException">Not every node is Serving within two minutes.</exception>
    public static async Task WaitUntilServingAsync(Fleet fleet, CancellationToken cancellation)
    {
        using var admin = ApiClient.ForAdmin(fleet);
        var time = TimeProvider.System;
        var started = time.GetTimestamp();
        while (true)
        {
            var serving = await admin.CountServingNodesAsync(cancellation);
            if (serving >= fleet.Options.Nodes)
            {
                return;
            }

            if (time.GetElapsedTime(started) > ServingLimit)
            {
                throw new FleetException(
                    $"Only {serving} of {fleet.Options.Nodes} nodes are serving after {ServingLimit.TotalSeconds:0} s; "
                    + $"the agents' logs are in {fleet.Layout.Logs}.");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), time, cancellation);
        }
    }

    public static async Task EnsureAsync(Fleet fleet, CancellationToken cancellation)
    {
        using var admin = ApiClient.ForAdmin(fleet);
        var retired = await admin.RetiredNodesAsync(cancellation);
        foreach (var agent in fleet.Agents.Where(agent => agent.NodeId is { } id && retired.Contains(id)))
        {
            // Banned or retired in an earlier run, as the README shows: a fleet of this size needs it again.
            agent.Forget();
        }

        foreach (var agent in fleet.Agents.Where(agent => !agent.IsEnrolled))
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/nodes/join-codes");
            request.Content = JsonContent.Create(new { });
            var code = await admin.SendAsync(request, cancellation);
            await agent.EnrolAsync(code.GetProperty("code").GetString()!, cancellation);
        }
    }
}
