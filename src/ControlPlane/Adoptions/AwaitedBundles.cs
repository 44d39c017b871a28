using ControlPlane.Contracts;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Domains.Ownership;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Adoptions;

/// <summary>What a fleet's registrations say to bundles that lie in a node's directory.</summary>
internal sealed class AwaitedBundles
{
    private readonly Dictionary<string, Registration> _registered;

    private AwaitedBundles(Dictionary<string, Registration> registered) => _registered = registered;

    /// <summary>Another fleet's names are as unknown as those nobody registered: a node hears of its own
    /// only.</summary>
    public static async Task<AwaitedBundles> ReadAsync(
        ControlPlaneDb db, Guid fleet, IReadOnlyCollection<string> hostnames, CancellationToken ct)
    {
        // What is no name is in no table, and not everything that is no name is text to PostgreSQL.
        hostnames = [.. hostnames.Where(HostnameSyntax.IsValid)];
        var domains = await db.Domains.AsNoTracking()
            .Where(row => row.FleetId == fleet && hostnames.Contains(row.Hostname) && row.DeletedAt == null
                && row.Claim != Claim.Lost)
            .Select(row => new
            {
                row.Hostname,
                row.Claim,
                Order = db.Orders.Where(order => order.DomainId == row.Id).OrderByDescending(order => order.Sequence)
                    .Select(order => new OrderFacts(order.Id, order.Kind, order.State)).First(),
                Bundles = db.Bundles.Where(bundle => bundle.DomainId == row.Id)
                    .Select(bundle => new BundleFacts(
                        bundle.Fingerprint, db.Orders.Single(order => order.Id == bundle.OrderId).State))
                    .ToList(),
            })
            .ToListAsync(ct);
        var orders = domains.Select(row => row.Order.Id).ToList();
        var given = await db.AdoptedBundles.AsNoTracking().Where(row => orders.Contains(row.OrderId))
            .Select(row => new GivenFacts(row.OrderId, row.Fingerprint, row.SettledAt != null, row.Refusal))
            .ToDictionaryAsync(row => row.Order, ct);
        var registered = new Dictionary<string, Registration>(StringComparer.Ordinal);
        // Where several accounts claim a name, the one that has it is meant.
        foreach (var row in domains.OrderBy(row => row.Claim == Claim.Held))
        {
            registered[row.Hostname] = new Registration(
                row.Order, row.Bundles, given.GetValueOrDefault(row.Order.Id));
        }

        return new AwaitedBundles(registered);
    }

    /// <summary>The order that waits for a bundle of this name.</summary>
    public Guid OrderOf(string hostname) => _registered[hostname].Order.Id;

    public AdoptionVerdict Judge(string hostname, string fingerprint)
    {
        if (!_registered.TryGetValue(hostname, out var found))
        {
            return new AdoptionVerdict(hostname, AdoptionOutcomes.NotRegistered, null);
        }

        if (found.Bundles.FirstOrDefault(bundle => bundle.Fingerprint == fingerprint) is { } same)
        {
            return same.State switch
            {
                OrderState.Active => new AdoptionVerdict(hostname, AdoptionOutcomes.Adopted, null),
                OrderState.PendingDeployment => new AdoptionVerdict(
                    hostname, AdoptionOutcomes.Adopting, "The nodes prove it."),
                _ => Other(hostname, "The fleet has served it, and has a later bundle now."),
            };
        }

        if (found.Bundles.Count > 0)
        {
            return Other(hostname, "The fleet has a bundle of its own for the name.");
        }

        return found switch
        {
            { Order: not { Kind: OrderKind.Adoption, State: OrderState.PendingDns } } => new AdoptionVerdict(
                hostname, AdoptionOutcomes.NotAwaited,
                "It is registered without adopt, or is not waiting any more: it gets a certificate of its own."),
            { Given: { IsSettled: false } waiting } => waiting.Fingerprint == fingerprint
                ? new AdoptionVerdict(hostname, AdoptionOutcomes.Adopting, "It is handed in and being looked at.")
                : Other(hostname, "Another bundle for the name is handed in and being looked at."),
            { Given: { Refusal: { } why } refused } when refused.Fingerprint == fingerprint =>
                new AdoptionVerdict(hostname, AdoptionOutcomes.Refused, why),
            _ => new AdoptionVerdict(hostname, AdoptionOutcomes.WouldAdopt, null),
        };
    }

    private static AdoptionVerdict Other(string hostname, string why) =>
        new(hostname, AdoptionOutcomes.OtherBundle, why);

    private sealed record OrderFacts(Guid Id, OrderKind Kind, OrderState State);

    private sealed record BundleFacts(string Fingerprint, OrderState State);

    private sealed record GivenFacts(Guid Order, string Fingerprint, bool IsSettled, string? Refusal);

    private sealed record Registration(OrderFacts Order, IReadOnlyList<BundleFacts> Bundles, GivenFacts? Given);
}
