using System.Linq.Expressions;
using ControlPlane.Adoptions;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Revoking;
using ControlPlane.Domains.Visits;
using ControlPlane.Http.Access;
using ControlPlane.Imports;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Banning;
using ControlPlane.Nodes.Epochs;
using ControlPlane.Receipts;
using ControlPlane.Vault;
using ControlPlane.Vault.Rewrapping;
using ControlPlane.Webhooks;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Database;

/// <summary>The schema's foreign keys, told to EF so that it writes rows in an order the database takes; without
/// them an event would be inserted before its order. Those of orders and domains to bundles are checked at commit
/// and need no order.</summary>
internal static class References
{
    public static void Map(ModelBuilder model)
    {
        Refers<Tenant, Fleet>(row => row.FleetId);
        Refers<ApiKey, Tenant>(row => row.TenantId);
        Refers<ApiKey, ApiKey>(row => row.PredecessorId);
        Refers<IdempotencyKey, ApiKey>(row => row.ApiKeyId);
        Refers<JoinCode, Fleet>(row => row.FleetId);
        Refers<Node, Fleet>(row => row.FleetId);
        Refers<Domain, Tenant>(row => row.TenantId);
        Refers<Domain, Fleet>(row => row.FleetId);
        Refers<TenantTarget, Tenant>(row => row.TenantId);
        Refers<CaOrderSeen, Order>(row => row.OrderId);
        Refers<RewrapFailure, VaultKey>(row => row.KeyId);
        Refers<Bundle, Domain>(row => row.DomainId);
        Refers<Bundle, Order>(row => row.OrderId);
        Refers<Bundle, Chain>(row => row.ChainId);
        Refers<DesiredChange, Domain>(row => row.DomainId);
        Refers<DesiredChange, Bundle>(row => row.BundleId);
        Refers<DesiredRow, Domain>(row => row.DomainId);
        Refers<DesiredRow, Bundle>(row => row.BundleId);
        Refers<NodeObservation, Node>(row => row.NodeId);
        Refers<NodeObservation, Domain>(row => row.DomainId);
        Refers<BundleRelease, Node>(row => row.NodeId);
        Refers<BundleRelease, Bundle>(row => row.BundleId);
        Refers<NodeBan, Node>(row => row.NodeId);
        Refers<Replacement, NodeBan>(row => row.NodeId);
        Refers<Replacement, Bundle>(row => row.BundleId);
        Refers<Replacement, Order>(row => row.OrderId);
        Refers<CertificateRevocation, Bundle>(row => row.BundleId);
        Refers<CertificateRevocation, Domain>(row => row.DomainId);
        Refers<CertificateRevocation, NodeBan>(row => row.NodeId);
        Refers<CertificateRevocation, Order>(row => row.OrderId);
        Refers<IssuedReceipt, Domain>(row => row.DomainId);
        Refers<IssuedReceipt, Node>(row => row.NodeId);
        Refers<TokenVisitRow, Order>(row => row.OrderId);
        Refers<TokenVisitRow, Node>(row => row.NodeId);
        Refers<EpochBump, Fleet>(row => row.FleetId);
        Refers<EpochBump, Node>(row => row.NodeId);
        Refers<AlarmRow, Node>(row => row.NodeId);
        Refers<NodeStray, Node>(row => row.NodeId);
        Refers<Adoption, Fleet>(row => row.FleetId);
        Refers<Adoption, Node>(row => row.NodeId);
        Refers<AdoptedBundle, Order>(row => row.OrderId);
        Refers<AdoptedBundle, Adoption>(row => row.AdoptionId);
        Refers<AdoptedBundle, Node>(row => row.NodeId);
        Refers<Webhook, Tenant>(row => row.TenantId);
        Refers<WebhookSecret, Webhook>(row => row.WebhookId);
        Refers<WebhookSecret, WebhookSealingKey>(row => row.SealingKeyId);
        Refers<WebhookDelivery, Webhook>(row => row.WebhookId);
        Refers<WebhookDelivery, DomainEvent>(row => row.EventId);
        Refers<Import, Tenant>(row => row.TenantId);
        Refers<Import, ApiKey>(row => row.ApiKeyId);
        Refers<ImportRow, Import>(row => row.ImportId);
        Refers<ImportRow, Domain>(row => row.DomainId);
        Refers<DomainEvent, Tenant>(row => row.TenantId);
        Refers<DomainEvent, Domain>(row => row.DomainId);
        Refers<DomainEvent, Order>(row => row.OrderId);
        Refers<DomainEvent, Node>(row => row.NodeId);

        void Refers<TRow, TTarget>(Expression<Func<TRow, object?>> key)
            where TRow : class
            where TTarget : class =>
            model.Entity<TRow>().HasOne<TTarget>().WithMany().HasForeignKey(key)
                .OnDelete(DeleteBehavior.ClientNoAction);
    }
}
