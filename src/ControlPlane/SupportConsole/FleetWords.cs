using ControlPlane.Http;
using ControlPlane.Nodes;
using ControlPlane.SupportConsole.Reading;

namespace ControlPlane.SupportConsole;

/// <summary>What is the matter with a fleet, in a sentence.</summary>
internal static class FleetWords
{
    public static string Trouble(FleetFacts fleet)
    {
        var parts = new List<string>();
        if (fleet.Lost > 0)
        {
            parts.Add($"{fleet.Lost} of {fleet.Nodes.Count} nodes lost");
        }

        if (fleet.Serving == 0)
        {
            parts.Add("no node serves");
        }

        if (fleet.View.Rollout is { State: not RolloutState.Running } rollout)
        {
            parts.Add($"rollout {Words.Of(rollout.State)}: {rollout.Reason}");
        }

        if (fleet.Held > 0)
        {
            parts.Add($"{Words.Count(fleet.Held)} withdrawals wait for an admin");
        }

        var alarms = fleet.Nodes.Sum(node => node.Alarms.Count);
        if (alarms > 0)
        {
            parts.Add(alarms == 1 ? "one alarm" : $"{alarms} alarms");
        }

        return string.Join("; ", parts);
    }
}

/// <summary>Who is waited for, as people say it.</summary>
internal static class PartyWords
{
    public static string Name(WaitingOn party) => party switch
    {
        WaitingOn.Customer => "the customer",
        WaitingOn.Operator => "an operator",
        WaitingOn.Ca => "the CA",
        WaitingOn.Nodes => "the nodes",
        _ => "nobody",
    };
}
