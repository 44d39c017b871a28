using ControlPlane.Contracts;

namespace ControlPlane.Nodes.Fleets;

/// <summary>What counts as a refusal against a rollout.</summary>
internal static class RefusalShare
{
    /// <summary>Said of a node's own caution, not of a bundle: an older certificate offered after a restore, and
    /// withdrawals held back.</summary>
    public static readonly string[] NotOfBundles = [NodeErrorCodes.Rollback, NodeErrorCodes.WithdrawalsHeld];
}
