using ControlPlane.Http;
using static ControlPlane.Http.WaitingOn;

namespace ControlPlane.Campaigns;

/// <summary>The problems only campaigns have.</summary>
internal static class CampaignProblems
{
    public static readonly ProblemKind Stands = new(
        "campaign-state", 409, Operator, "The campaign is not in a state for that.",
        "Read the campaign; its state says what can be done with it.");

    /// <summary>All of them, for the list that holds every problem.</summary>
    public static readonly IReadOnlyList<ProblemKind> All = [Stands];

    public static Problem Absent => Problems.NotFound.With("There is no such campaign.");
}
