using ControlPlane.Adoptions;
using ControlPlane.Campaigns;
using ControlPlane.CertificateAuthorities;
using ControlPlane.CertificateAuthorities.Acme;
using ControlPlane.CertificateAuthorities.Standings;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Preflight;
using ControlPlane.Domains.Reading;
using ControlPlane.Domains.Renewing;
using ControlPlane.Domains.Revoking;
using ControlPlane.Domains.Settings;
using ControlPlane.Domains.Visits;
using ControlPlane.Http.Access;
using ControlPlane.Imports;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Banning;
using ControlPlane.Nodes.Epochs;
using ControlPlane.Receipts;
using ControlPlane.Vault;
using ControlPlane.Vault.Replicas;
using ControlPlane.Vault.Rewrapping;
using ControlPlane.Webhooks;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;

namespace ControlPlane.Database;

/// <summary>All mappings on one page. The schema is in <c>migrations/</c>; a test holds the two against each
/// other.</summary>
internal sealed class ControlPlaneDb(DbContextOptions<ControlPlaneDb> options) : DbContext(options)
{
    public DbSet<Tenant> Tenants => Set<Tenant>();
    public DbSet<ApiKey> ApiKeys => Set<ApiKey>();
    public DbSet<IdempotencyKey> IdempotencyKeys => Set<IdempotencyKey>();
    public DbSet<Fleet> Fleets => Set<Fleet>();
    public DbSet<JoinCode> JoinCodes => Set<JoinCode>();
    public DbSet<Node> Nodes => Set<Node>();
    public DbSet<Domain> Domains => Set<Domain>();
    public DbSet<TenantTarget> TenantTargets => Set<TenantTarget>();
    public DbSet<Order> Orders => Set<Order>();
    public DbSet<CaOrderSeen> CaOrdersSeen => Set<CaOrderSeen>();
    public DbSet<VaultKey> VaultKeys => Set<VaultKey>();
    public DbSet<DestroyedKey> DestroyedKeys => Set<DestroyedKey>();
    public DbSet<IssuedReceipt> Receipts => Set<IssuedReceipt>();
    public DbSet<Rewrap> Rewraps => Set<Rewrap>();
    public DbSet<RewrapFailure> RewrapFailures => Set<RewrapFailure>();
    public DbSet<VaultReplica> VaultReplicas => Set<VaultReplica>();
    public DbSet<AcmeAccount> AcmeAccounts => Set<AcmeAccount>();
    public DbSet<CaStanding> CaStandings => Set<CaStanding>();
    public DbSet<Chain> Chains => Set<Chain>();
    public DbSet<Bundle> Bundles => Set<Bundle>();
    public DbSet<DesiredChange> DesiredChanges => Set<DesiredChange>();
    public DbSet<DesiredRow> DesiredState => Set<DesiredRow>();
    public DbSet<NodeObservation> NodeObservations => Set<NodeObservation>();
    public DbSet<BundleRelease> BundleReleases => Set<BundleRelease>();
    public DbSet<CertificateRevocation> Revocations => Set<CertificateRevocation>();
    public DbSet<NodeBan> NodeBans => Set<NodeBan>();
    public DbSet<Replacement> Replacements => Set<Replacement>();
    public DbSet<Import> Imports => Set<Import>();
    public DbSet<ImportRow> ImportRows => Set<ImportRow>();
    public DbSet<Campaign> Campaigns => Set<Campaign>();
    public DbSet<CampaignDomain> CampaignDomains => Set<CampaignDomain>();
    public DbSet<DomainEvent> Events => Set<DomainEvent>();
    public DbSet<TokenVisitRow> TokenVisits => Set<TokenVisitRow>();
    public DbSet<EpochBump> EpochBumps => Set<EpochBump>();
    public DbSet<AlarmRow> NodeAlarms => Set<AlarmRow>();
    public DbSet<NodeStray> NodeStrays => Set<NodeStray>();
    public DbSet<FoundCaOrder> FoundCaOrders => Set<FoundCaOrder>();
    public DbSet<Adoption> Adoptions => Set<Adoption>();
    public DbSet<AdoptedBundle> AdoptedBundles => Set<AdoptedBundle>();
    public DbSet<Webhook> Webhooks => Set<Webhook>();
    public DbSet<WebhookSealingKey> WebhookSealingKeys => Set<WebhookSealingKey>();
    public DbSet<WebhookSecret> WebhookSecrets => Set<WebhookSecret>();
    public DbSet<WebhookDelivery> WebhookDeliveries => Set<WebhookDelivery>();

    public override Task<int> SaveChangesAsync(
        bool acceptAllChangesOnSuccess, CancellationToken cancellationToken = default)
    {
        EventDetails.AddTo(ChangeTracker);
        return base.SaveChangesAsync(acceptAllChangesOnSuccess, cancellationToken);
    }

    protected override void ConfigureConventions(ModelConfigurationBuilder conventions)
    {
        conventions.Properties<OrderState>().HaveConversion<string>();
        conventions.Properties<OrderKind>().HaveConversion<string>();
        conventions.Properties<KeyAlgorithm>().HaveConversion<string>();
        conventions.Properties<Claim>().HaveConversion<string>();
        conventions.Properties<CaCalls>().HaveConversion<string>();
        conventions.Properties<DomainStatus>().HaveConversion<string>();
        conventions.Properties<EpochCause>().HaveConversion<string>();
        conventions.Properties<RolloutState>().HaveConversion<string>();
        conventions.Properties<NodeStanding>().HaveConversion<string>();
        conventions.Properties<ReplacementState>().HaveConversion<string>();
        conventions.Properties<RevocationState>().HaveConversion<string>();
        conventions.Properties<RevocationReason>().HaveConversion<string>();
        conventions.Properties<DisabledBecause>().HaveConversion<string>();
        conventions.Properties<ImportOutcome>().HaveConversion<string>();
        conventions.Properties<DeliveryState>().HaveConversion<string>();
        conventions.Properties<Contracts.ObservedDomainState>().HaveConversion<string>();
    }

    protected override void OnModelCreating(ModelBuilder model)
    {
        model.Entity<Tenant>().ToTable("tenants");
        model.Entity<ApiKey>().ToTable("api_keys").Property(key => key.Role)
            .HasConversion(role => role.ToString().ToLowerInvariant(), text => Enum.Parse<ApiRole>(text, true));
        model.Entity<IdempotencyKey>().ToTable("idempotency_keys").HasKey(row => new { row.ApiKeyId, row.Key });
        model.Entity<Fleet>().ToTable("fleets");
        model.Entity<JoinCode>().ToTable("join_codes").HasKey(row => row.CodeHash);
        model.Entity<Node>().ToTable("nodes");
        // A step that has not seen a deletion must not overwrite it.
        model.Entity<Domain>().ToTable("domains").Property(row => row.Status).IsConcurrencyToken();
        Metadata.Map(model.Entity<Domain>().Property(row => row.Metadata));
        model.Entity<Order>(order =>
        {
            order.ToTable("orders");
            order.HasOne(row => row.Domain).WithMany().HasForeignKey(row => row.DomainId);
            order.Property(row => row.Sequence).ValueGeneratedOnAdd();
            order.Property(row => row.Ca).ValueGeneratedOnAdd();
            // Both fence every write of a step: a worker whose lease was taken over updates no row.
            order.Property(row => row.State).IsConcurrencyToken();
            order.Property(row => row.LeaseToken).IsConcurrencyToken();
            order.Property(row => row.ReissueBaseline).HasColumnType("jsonb")
                .HasConversion(before => before!.Write(), text => ReissueBaseline.Read(text));
            order.Property(row => row.Findings).HasColumnType("jsonb").HasConversion(
                found => StoredFindings.Write(found), text => StoredFindings.Read(text),
                // They are never changed in place.
                new ValueComparer<IReadOnlyList<Finding>>(
                    (a, b) => ReferenceEquals(a, b) || StoredFindings.Write(a!) == StoredFindings.Write(b!),
                    found => found.Count, found => found));
        });
        model.Entity<TenantTarget>().ToTable("tenant_targets").HasKey(row => row.TenantId);
        model.Entity<CaOrderSeen>().ToTable("ca_orders_seen").HasKey(row => new { row.OrderId, row.CaOrderId });
        model.Entity<VaultKey>().ToTable("vault_keys");
        model.Entity<DestroyedKey>().ToTable("destroyed_keys");
        model.Entity<IssuedReceipt>().ToTable("receipts").Property(row => row.Id).ValueGeneratedOnAdd();
        model.Entity<Rewrap>().ToTable("vault_rewraps");
        model.Entity<RewrapFailure>().ToTable("vault_rewrap_failures").HasKey(row => row.KeyId);
        model.Entity<VaultReplica>().ToTable("vault_replicas");
        model.Entity<AcmeAccount>().ToTable("acme_accounts").HasKey(row => new { row.Ca, row.Directory });
        model.Entity<CaStanding>().ToTable("ca_standings").HasKey(row => new { row.Ca, row.Calls });
        model.Entity<Chain>().ToTable("chains");
        model.Entity<Bundle>().ToTable("bundles");
        model.Entity<DesiredChange>().ToTable("desired_changes").HasKey(row => row.DomainId);
        model.Entity<DesiredRow>().ToTable("desired_state").HasKey(row => new { row.FleetId, row.DomainId });
        model.Entity<NodeObservation>().ToTable("node_observations").HasKey(row => new { row.NodeId, row.DomainId });
        model.Entity<BundleRelease>().ToTable("bundle_releases").Property(row => row.Id).ValueGeneratedOnAdd();
        model.Entity<NodeBan>().ToTable("node_bans").HasKey(row => row.NodeId);
        model.Entity<Replacement>().ToTable("replacements").HasKey(row => new { row.NodeId, row.BundleId });
        model.Entity<CertificateRevocation>().ToTable("revocations").HasKey(row => row.BundleId);
        model.Entity<TokenVisitRow>().ToTable("token_visits").Property(row => row.Id).ValueGeneratedOnAdd();
        model.Entity<DomainEvent>(told =>
        {
            told.ToTable("events").Property(row => row.Id).ValueGeneratedOnAdd();
            told.Property(row => row.Data).HasColumnType("jsonb").HasConversion(
                data => data!.Write(), text => EventDetails.Read(text));
        });
        model.Entity<EpochBump>().ToTable("epoch_bumps").Property(row => row.Id).ValueGeneratedOnAdd();
        model.Entity<AlarmRow>().ToTable("node_alarms").HasKey(row => new { row.NodeId, row.Code });
        model.Entity<NodeStray>().ToTable("node_strays").HasKey(row => new { row.NodeId, row.Hostname });
        model.Entity<FoundCaOrder>().ToTable("found_ca_orders").HasKey(row => row.CaOrderId);
        model.Entity<Adoption>().ToTable("adoptions");
        model.Entity<AdoptedBundle>().ToTable("adopted_bundles").HasKey(row => row.OrderId);
        model.Entity<Webhook>().ToTable("webhooks");
        model.Entity<WebhookSealingKey>().ToTable("webhook_sealing_keys");
        model.Entity<WebhookSecret>().ToTable("webhook_secrets");
        model.Entity<WebhookDelivery>().ToTable("webhook_deliveries");
        model.Entity<Import>().ToTable("imports").Property(row => row.Role).HasConversion<string>();
        model.Entity<ImportRow>().ToTable("import_rows").HasKey(row => new { row.ImportId, row.Line });

        CampaignMapping.Map(model);
        References.Map(model);
        foreach (var property in model.Model.GetEntityTypes().SelectMany(entity => entity.GetProperties()))
        {
            property.SetColumnName(ColumnNames.SnakeCase(property.Name));
            if (property.ClrType == typeof(Guid) && property.IsPrimaryKey())
            {
                property.ValueGenerated = Microsoft.EntityFrameworkCore.Metadata.ValueGenerated.Never;
            }
        }
    }
}
