using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Campaigns;

/// <summary>The campaigns' part of the mapping.</summary>
internal static class CampaignMapping
{
    public static void Map(ModelBuilder model)
    {
        model.Entity<Campaign>(campaign =>
        {
            campaign.ToTable("campaigns");
            campaign.Property(row => row.Filter).HasColumnType("jsonb");
            campaign.Property(row => row.Plan).HasColumnType("jsonb");
            campaign.Property(row => row.Priority).HasConversion<string>();
            campaign.Property(row => row.State).HasConversion<string>();
            campaign.Property(row => row.RevokeAfter).HasConversion<string>();
        });
        model.Entity<CampaignDomain>(row =>
        {
            row.ToTable("campaign_domains").HasKey(one => new { one.CampaignId, one.DomainId });
            row.Property(one => one.State).HasConversion<string>();
            row.Property(one => one.Obstacle).HasConversion<string>();
            row.HasOne<Campaign>().WithMany().HasForeignKey(one => one.CampaignId);
            row.HasOne<Domain>().WithMany().HasForeignKey(one => one.DomainId);
            row.HasOne<Bundle>().WithMany().HasForeignKey(one => one.BundleId);
            row.HasOne<Order>().WithMany().HasForeignKey(one => one.OrderId);
        });
        model.Entity<DomainEvent>().HasOne<Campaign>().WithMany().HasForeignKey(told => told.CampaignId);
    }
}
