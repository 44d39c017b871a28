using ControlPlane.Http;
using static ControlPlane.Http.WaitingOn;

namespace ControlPlane.Nodes;

/// <summary>The problems only nodes and their admins meet.</summary>
internal static class NodeProblems
{
    public static readonly ProblemKind JoinCodeRefused = new(
        "join-code-refused", 401, Operator, "The join code is not valid.",
        "Make a new one with POST /v1/nodes/join-codes; each works once and for a limited time.");

    public static readonly ProblemKind NodeTokenRefused = new(
        "node-token-refused", 401, Operator, "The request carries no valid token of a node.",
        "Correct the clock by X-Server-Time and sign again. If the node was banned or retired, enrol it anew.");

    public static readonly ProblemKind NodeExists = new(
        "node-exists", 409, Operator, "The fleet already has a node of this name, or with this key.",
        "Retire the old one with POST /v1/nodes/{node}/retire, or give the new one another name and keys of its own.");

    public static readonly ProblemKind NodeRetired = new(
        "node-retired", 409, Operator, "The node is retired.",
        "Enrol a new node; a retired one does not come back.");

    public static readonly ProblemKind NodeAmbiguous = new(
        "node-ambiguous", 409, Operator, "More than one node has or had this name.",
        "Name the node by its id; detail lists the ids.");

    public static readonly ProblemKind FleetExists = new(
        "fleet-exists", 409, None, "There is already a fleet of this name.",
        "Use the fleet given in existing.");

    public static readonly ProblemKind FleetWayTaken = new(
        "fleet-way-taken", 409, Operator, "The target or one of the addresses leads to another fleet.",
        "Give the fleet a target and addresses of its own; existing names the one that has them.");

    public static readonly ProblemKind HistoryGone = new(
        "history-gone", 410, None,
        "The cursor is older than the history that is kept, or belongs to another life of it.",
        "Ask again without since: the full list follows.");

    public static readonly ProblemKind ReleasesExhausted = new(
        "releases-exhausted", 429, None, "The node has fetched as many bundles as it may in a minute.",
        "Wait for the time in Retry-After; the limit is Nodes:ReleasesPerMinute.");

    public static readonly ProblemKind TooManyWaiting = new(
        "too-many-waiting", 503, Operator, "As many nodes wait at this replica as it has room for.",
        "Wait for the time in Retry-After, or ask another replica; the limit is Nodes:MaxWaiting.");

    public static readonly ProblemKind VaultAway = new(
        "vault-away", 503, Operator, "No key can be opened, so that none was released.",
        "Check the keys in Vault:Keys or Vault:KeyFile and the database, or ask a replica with Vault:CanOpen.");

    /// <summary>All of them, for the list that holds every problem.</summary>
    public static readonly IReadOnlyList<ProblemKind> All =
    [
        JoinCodeRefused, NodeTokenRefused, NodeExists, NodeRetired, NodeAmbiguous, FleetExists, FleetWayTaken,
        HistoryGone, ReleasesExhausted, TooManyWaiting, VaultAway,
    ];
}
