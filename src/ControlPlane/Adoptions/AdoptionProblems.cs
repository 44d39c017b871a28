using ControlPlane.Http;
using static ControlPlane.Http.WaitingOn;

namespace ControlPlane.Adoptions;

/// <summary>The problems only adoptions meet.</summary>
internal static class AdoptionProblems
{
    public static readonly ProblemKind NotAllowed = new(
        "adopt-not-allowed", 400, Customer, "Only an operator's key registers a name whose certificate is taken over.",
        "Leave the field adopt out: the name then gets a certificate of its own.");

    public static readonly ProblemKind NotOpen = new(
        "adoption-not-open", 409, Operator,
        "No adoption is open for this node under this code: it is wrong, closed, over, of another fleet, or another "
        + "node has used it.",
        "Make a new one with POST /v1/adoptions; each is for one node and for a limited time.");

    public static readonly ProblemKind NoVaultHere = new(
        "adoption-elsewhere", 409, Operator, "This replica holds no key-encryption key, and cannot make an adoption's.",
        "Ask a replica with Vault:CanOpen.");

    /// <summary>All of them, for the list that holds every problem.</summary>
    public static readonly IReadOnlyList<ProblemKind> All = [NotAllowed, NotOpen, NoVaultHere];
}
