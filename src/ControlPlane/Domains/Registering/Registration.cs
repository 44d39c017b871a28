using ControlPlane.Adoptions;
using ControlPlane.Contracts;
using ControlPlane.Database;
using ControlPlane.Domains.Hostnames;
using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Settings;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Epochs;
using ControlPlane.Nodes.Fleets;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Domains.Registering;

/// <summary>How one name enters the path, whoever brings it: a call for the one name, or a file of thousands.</summary>
internal static class Registration
{
    /// <summary>The index by which a name has one owner.</summary>
    private const string HeldOnce = "domains_live_hostname";

    /// <summary>Registers the name within the caller's transaction, which is as good as before when it is not
    /// registered. The first step is to be woken after the commit.</summary>
    /// <param name="db">With a transaction under way.</param>
    /// <param name="body">Valid by its own rules.</param>
    /// <param name="by">Who asks.</param>
    /// <param name="options">Of the configured fleet.</param>
    /// <param name="now">When.</param>
    public static async Task<RegistrationOutcome> EnterAsync(
        ControlPlaneDb db, RegisterDomainRequest body, Registrant by, FleetOptions options, DateTimeOffset now)
    {
        if (await TenantOfAsync(body, by, db) is not { } tenant)
        {
            return Refused(RefuseTenant(body, by));
        }

        // A disabled tenant's own keys come no further than its door; this holds for those who register for it.
        if (await db.Tenants.AnyAsync(row => row.Id == tenant && row.DisabledAt != null, CancellationToken.None))
        {
            return Refused(Problems.TenantDisabled.With("The tenant is disabled: no name is registered for it."));
        }

        if (body.Fleet is not null && by.Role == ApiRole.Portal)
        {
            return Refused(Problems.FleetNotAllowed.With());
        }

        if (body.Adopt && by.Role == ApiRole.Portal)
        {
            return Refused(AdoptionProblems.NotAllowed.With());
        }

        if (await FleetChoice.MakeAsync(db, body.Fleet, tenant, options.Name, now) is not { } fleet)
        {
            return Refused(Problems.FleetUnknown.With($"There is no fleet {body.Fleet}."));
        }

        if (await RefuseTargetsAsync(body.Hostname!, db) is { } ours)
        {
            return Refused(ours);
        }

        // Spares most repeats a number of an order; what it misses is found by the indexes.
        if (await OwnAsync(db, body.Hostname!, tenant) is { Status: not DomainStatus.Deleting } own)
        {
            return await AlreadyAsync(db, own, fleet, body);
        }

        var past = await ForgottenNames.LookAsync(db, body.Hostname!, now, CancellationToken.None);
        // An operator knows whose a forgotten name was; a portal only claims it.
        var vouched = past != ForgottenPast.None && by.Role != ApiRole.Portal;
        var contested = (past == ForgottenPast.InUse && !vouched) || await Contest.IsOnAsync(
            db, body.Hostname!, tenant, now - options.Quarantine, vouched, CancellationToken.None);
        while (true)
        {
            var domain = new Domain
            {
                Id = Guid.CreateVersion7(now),
                TenantId = tenant,
                FleetId = fleet.Id,
                Hostname = body.Hostname!,
                KeyAlgorithm = body.Algorithm,
                Metadata = Metadata.Of(body.Metadata ?? Metadata.None),
                TlsMinimum = body.Tls?.MinimumVersion ?? TlsVersions.Default,
                CertificateAuthority = body.CertificateAuthority,
                Claim = contested ? Claim.Contested : Claim.Held,
                ProvenAt = vouched && !contested ? now : null,
                CnameTarget = await TenantTarget.OfAsync(
                    db, tenant, options, FleetWay.Of(fleet, options), now, CancellationToken.None),
                CreatedAt = now,
            };
            Enter(db, domain, body.Adopt ? OrderKind.Adoption : OrderKind.New, by.InBulk, now);
            try
            {
                // Within a transaction this is a savepoint: what is refused is undone, and no more than that.
                await db.SaveChangesAsync(CancellationToken.None);
                return new RegistrationOutcome.Registered(domain);
            }
            catch (DbUpdateException refused)
                when (refused.InnerException is PostgresException { SqlState: "23505" } conflict)
            {
                db.ChangeTracker.Clear();
                // The indexes decide, not the look beforehand: of a hundred parallel registrations one holds the name.
                if (conflict.ConstraintName == HeldOnce && !contested)
                {
                    contested = true;
                    continue;
                }

                return await ExplainAsync(body, tenant, fleet, db);
            }
        }
    }

    /// <summary>The claim, its first order, and what is told of them.</summary>
    private static void Enter(ControlPlaneDb db, Domain domain, OrderKind kind, bool inBulk, DateTimeOffset now)
    {
        var order = Order.Open(domain, kind, now);
        order.InBulk = inBulk;
        db.AddRange(domain, order, Told(EventTypes.DomainRegistered, $"{domain.Hostname} was registered."
            + (domain.ProvenAt is null
                ? "" : " It may have been in use before a restore; an operator has told whose it is.")));
        if (domain.Claim == Claim.Contested)
        {
            order.WaitFor(
                Reasons.OwnershipUnproven,
                "Another account claims the name, or had it a short while ago, or it was in use before a restore and "
                + "its account is not known any more.",
                now);
            db.Add(Told(EventTypes.DomainContested, $"{order.ReasonDetail} Nothing is ordered before the TXT record at "
                + $"{OwnershipRecord.NameFor(domain.Hostname)} is seen."));
        }

        DomainEvent Told(string type, string message) => new()
        {
            At = now,
            TenantId = domain.TenantId,
            DomainId = domain.Id,
            OrderId = order.Id,
            Type = type,
            Message = message,
        };
    }

    private static async Task<Guid?> TenantOfAsync(RegisterDomainRequest body, Registrant by, ControlPlaneDb db)
    {
        if (by.Role == ApiRole.Portal)
        {
            return body.Tenant is null ? by.TenantId : null;
        }

        return body.Tenant is null
            ? null
            : (await TenantReference.FindAsync(db, body.Tenant, CancellationToken.None))?.Id;
    }

    private static Problem RefuseTenant(RegisterDomainRequest body, Registrant by) =>
        by.Role == ApiRole.Portal ? Problems.TenantNotAllowed.With()
        : body.Tenant is null ? Problems.TenantRequired.With()
        : Problems.TenantUnknown.With($"There is no tenant {body.Tenant}.");

    private static Task<Domain?> OwnAsync(ControlPlaneDb db, string hostname, Guid tenant) =>
        db.Domains.AsNoTracking().SingleOrDefaultAsync(
            row => row.Hostname == hostname && row.TenantId == tenant && row.DeletedAt == null, CancellationToken.None);

    private static async Task<RegistrationOutcome> ExplainAsync(
        RegisterDomainRequest body, Guid tenant, Fleet fleet, ControlPlaneDb db)
    {
        var own = await OwnAsync(db, body.Hostname!, tenant);
        return own is null or { Status: DomainStatus.Deleting }
            ? Refused(Problems.HostnameBeingReleased.With() with { RetryAfterSeconds = 60, Existing = own?.Id })
            : await AlreadyAsync(db, own, fleet, body);
    }

    private static async Task<RegistrationOutcome> AlreadyAsync(
        ControlPlaneDb db, Domain own, Fleet fleet, RegisterDomainRequest body) => new RegistrationOutcome.AlreadyYours(
            own, fleet, body.Adopt && await db.Orders.AnyAsync(
                row => row.DomainId == own.Id && row.Kind == OrderKind.Adoption, CancellationToken.None));

    /// <summary>The configured target is refused with the body; those of fleets made since are rows.</summary>
    private static async Task<Problem?> RefuseTargetsAsync(string hostname, ControlPlaneDb db) =>
        (await db.Fleets.Select(row => row.CnameTarget).ToListAsync(CancellationToken.None))
            .Select(target => HostnameRules.RefuseTarget(hostname, target)).OfType<Problem>().FirstOrDefault();

    private static RegistrationOutcome.Refused Refused(Problem problem) => new(problem);
}
