namespace ControlPlane.Campaigns;

/// <summary>Settings under <c>Campaigns</c>.</summary>
internal sealed class CampaignOptions
{
    /// <summary>Successors that stand before the CA's door at a time, all campaigns together, and so the most that one
    /// turn opens (1–100). 12 is half of a stage's slots; every five seconds so many are twice what the renewals' share
    /// of CertCentral's calls lets through in the long run.</summary>
    public int OrdersPerTurn { get; set; } = 12;
}
