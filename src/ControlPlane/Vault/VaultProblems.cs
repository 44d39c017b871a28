using ControlPlane.Http;
using static ControlPlane.Http.WaitingOn;

namespace ControlPlane.Vault;

/// <summary>The problems only the vault's admins meet.</summary>
internal static class VaultProblems
{
    public static readonly ProblemKind NoKeyHere = new(
        "no-key-encryption-key-here", 409, Operator, "This replica holds no key-encryption key.",
        "Ask a replica that runs with Vault:CanOpen, or run 'ControlPlane vault rewrap' beside its settings.");

    public static readonly ProblemKind KeyNotEverywhere = new(
        "key-not-on-every-replica", 409, Operator, "A live replica lacks the key that all rows would be moved under.",
        "Restart every replica with both the old key and the new one in Vault:Keys, then begin the rewrap again.");

    /// <summary>All of them, for the list that holds every problem.</summary>
    public static readonly IReadOnlyList<ProblemKind> All = [NoKeyHere, KeyNotEverywhere];
}
