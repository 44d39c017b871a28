using ControlPlane.Http;
using static ControlPlane.Http.WaitingOn;

namespace ControlPlane.Vault;

/// <summary>The problems only the vault's admins meet.</summary>
internal static class VaultProblems
{
    public static readonly ProblemKind NoKeyHere = new(
        "no-key-encryption-key-here", 409, Operator, "This replica holds no key-encryption key.",
        "Ask a replica that runs with Vault:CanOpen, or run 'ControlPlane vault rewrap' beside its settings.");

    /// <summary>All of them, for the list that holds every problem.</summary>
    public static readonly IReadOnlyList<ProblemKind> All = [NoKeyHere];
}
