using System.Security.Cryptography;
using ControlPlane.Contracts;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using ControlPlane.Http.Access;
using ControlPlane.Nodes;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Nodes;

/// <summary>A domain with an order and a bundle, as the path would have left them.</summary>
internal sealed record SeededDomain(Domain Domain, Order Order, Bundle Bundle)
{
    public Guid Id => Domain.Id;

    /// <summary>What a node says that serves it.</summary>
    public ObservedDomain Served(string? fingerprint = null) => new(
        Id, 1, ObservedDomainState.Serving, fingerprint ?? Bundle.Fingerprint, fingerprint ?? Bundle.Fingerprint,
        fingerprint ?? Bundle.Fingerprint, null);

    public ObservedDomain Refused(string code, long revision = 1) =>
        new(Id, revision, ObservedDomainState.Refused, null, null, null, new NodeError(code, "It would not."));

    public ObservedDomain Withdrawn(long revision) =>
        new(Id, revision, ObservedDomainState.Withdrawn, null, null, null, null);
}

/// <summary>Writes the rows that other folders write.</summary>
internal sealed class FleetRows(PostgresDatabase database)
{
    public async Task<Fleet> FleetAsync(string? name = null)
    {
        await using var db = database.Open();
        name ??= $"fleet-{Guid.NewGuid():N}"[..20];
        var fleet = new Fleet { Id = Guid.CreateVersion7(), Name = name, CreatedAt = TimeProvider.System.GetUtcNow() };
        db.Fleets.Add(fleet);
        await db.SaveChangesAsync();
        return fleet;
    }

    public async Task<SeededDomain> DomainAsync(
        Guid fleet, Guid? key = null, DomainStatus status = DomainStatus.Pending)
    {
        await using var db = database.Open();
        var now = TimeProvider.System.GetUtcNow();
        var hostname = $"d{Guid.NewGuid():N}"[..20] + ".example.com";
        var tenant = new Tenant { Id = Guid.CreateVersion7(), Name = $"t{Guid.NewGuid():N}", CreatedAt = now };
        var domain = new Domain
        {
            Id = Guid.CreateVersion7(),
            TenantId = tenant.Id,
            FleetId = fleet,
            Hostname = hostname,
            KeyAlgorithm = KeyAlgorithm.EcdsaP256,
            Status = status,
            CreatedAt = now,
        };
        var order = Order.Open(domain, OrderKind.New, now);
        // Not due: a program that runs beside the test would take it up between the rows.
        order.NextAttemptAt = null;
        // One at a time: the model knows no relations, and the schema wants parents first.
        foreach (var row in new object[] { tenant, domain, order })
        {
            db.Add(row);
            await db.SaveChangesAsync();
        }

        var bundle = await BundleAsync(db, order, key);
        order.BundleId = bundle.Id;
        order.CaOrderId = "1";
        order.MoveTo(OrderState.PendingOrder, now);
        order.MoveTo(OrderState.PendingValidation, now);
        order.MoveTo(OrderState.PendingIssuance, now);
        order.MoveTo(OrderState.PendingDeployment, now);
        order.NextAttemptAt = null;
        if (status == DomainStatus.Active)
        {
            domain.Serve(bundle.Id, bundle.NotAfter, bundle.NotAfter.AddDays(-30));
        }

        await db.SaveChangesAsync();
        return new SeededDomain(domain, order, bundle);
    }

    /// <summary>A later bundle of the same domain.</summary>
    public async Task<Bundle> RenewedAsync(SeededDomain of)
    {
        await using var db = database.Open();
        return await BundleAsync(db, of.Order, null);
    }

    private static async Task<Bundle> BundleAsync(ControlPlaneDb db, Order order, Guid? key)
    {
        var leaf = RandomNumberGenerator.GetBytes(64);
        var chain = new Chain { Id = Convert.ToHexStringLower(SHA256.HashData(leaf)), Intermediates = [[1, 2], [3]] };
        var bundle = new Bundle
        {
            Id = Guid.CreateVersion7(),
            DomainId = order.DomainId,
            OrderId = order.Id,
            KeyId = key ?? Guid.CreateVersion7(),
            ChainId = chain.Id,
            Leaf = leaf,
            Issuer = "CN=Test",
            Serial = Convert.ToHexString(leaf[..8]),
            Fingerprint = Convert.ToHexStringLower(SHA256.HashData(leaf)),
            NotBefore = TimeProvider.System.GetUtcNow(),
            NotAfter = TimeProvider.System.GetUtcNow().AddDays(90),
            CreatedAt = TimeProvider.System.GetUtcNow(),
        };
        db.Add(chain);
        await db.SaveChangesAsync();
        db.Add(bundle);
        await db.SaveChangesAsync();
        return bundle;
    }

    /// <summary>The change a step leaves for the publisher; committed with <paramref name="db"/>'s
    /// transaction.</summary>
    public static Task ChangeAsync(ControlPlaneDb db, SeededDomain of, long sequence, Guid? bundle) =>
        db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO desired_changes (domain_id, fleet_id, hostname, bundle_id, order_sequence, changed_at)
             VALUES ({of.Id}, {of.Domain.FleetId}, {of.Domain.Hostname}, {bundle}, {sequence}, now())
             ON CONFLICT (domain_id) DO UPDATE
             SET bundle_id = excluded.bundle_id, order_sequence = excluded.order_sequence
             """);

    public async Task ChangeAsync(SeededDomain of, long sequence = 1, bool withdraw = false)
    {
        await using var db = database.Open();
        await ChangeAsync(db, of, sequence, withdraw ? null : of.Bundle.Id);
    }

    /// <summary>Changes for many new domains beside one, all with its bundle.</summary>
    public async Task ManyAsync(Guid beside, int count)
    {
        await using var db = database.Open();
        await db.Database.ExecuteSqlAsync(
            $"""
             WITH made AS (
                 INSERT INTO domains (id, tenant_id, fleet_id, hostname, key_algorithm, status, created_at)
                 SELECT gen_random_uuid(), tenant_id, fleet_id, 'n' || n || '.' || hostname, 'EcdsaP256', 'Pending',
                        now()
                 FROM domains CROSS JOIN generate_series(1, {count}) AS n WHERE id = {beside}
                 RETURNING id, fleet_id, hostname)
             INSERT INTO desired_changes (domain_id, fleet_id, hostname, bundle_id, order_sequence, changed_at)
             SELECT made.id, made.fleet_id, made.hostname, bundles.id, 1, now()
             FROM made JOIN bundles ON bundles.domain_id = {beside}
             """);
    }

    /// <summary>Asks for the withdrawal of some that the fleet serves, as if at one time.</summary>
    public async Task WithdrawAsync(Guid fleet, int count, DateTimeOffset at)
    {
        await using var db = database.Open();
        Assert.Equal(count, await db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO desired_changes (domain_id, fleet_id, hostname, bundle_id, order_sequence, changed_at)
             SELECT domain_id, fleet_id, hostname, NULL, order_sequence, {at.ToUniversalTime()} FROM desired_state state
             WHERE fleet_id = {fleet} AND bundle_id IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM desired_changes WHERE domain_id = state.domain_id)
             ORDER BY hostname LIMIT {count}
             """));
    }

    public async Task<T> ReadAsync<T>(Func<ControlPlaneDb, Task<T>> read)
    {
        await using var db = database.Open();
        return await read(db);
    }
}
