using ControlPlane.Contracts;
using ControlPlane.Database;
using ControlPlane.Domains.Hostnames;
using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Reading;
using ControlPlane.Domains.Settings;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.Idempotency;
using ControlPlane.Http.OpenApi;
using ControlPlane.Jobs;
using ControlPlane.Nodes.Epochs;
using ControlPlane.Nodes.Fleets;
using FluentValidation;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Domains;

/// <summary>POST /v1/domains: a customer's name enters the path.</summary>
internal static class RegisterDomain
{
    /// <summary>The index by which a name has one owner.</summary>
    private const string HeldOnce = "domains_live_hostname";

    public static void Map(RouteGroupBuilder domains) => domains.MapPost("", HandleAsync)
        .Validate<RegisterDomainRequest>()
        .WithMetadata(new HonoursIdempotencyKey())
        .RequireAuthorization(AccessPolicy.Portal)
        .WithName("RegisterDomain").WithSummary("Register a domain")
        .Documented(
            "The answer holds the DNS records the customer must create. Everything after that happens by itself: the "
            + "name is looked up, the certificate ordered, proven, issued and rolled out; follow `status` and "
            + "`waitingOn`. A name that another tenant claims, or had within the last days, is taken as contested: "
            + "`ownership` and `dnsRecords` then show a TXT record, and nothing is ordered before it is seen; so is a "
            + "name that nodes serve or the CA knows since before a restore, unless an operator registers it. A portal "
            + "registers for its own tenant; support and admins name the tenant, and may name the `fleet` that is to "
            + "serve it. Else it is the tenant's, or the configured one. A domain stays in its fleet.",
            [
                .. HostnameProblems.All, Problems.InvalidField, Problems.TenantRequired, Problems.TenantNotAllowed,
                Problems.TenantUnknown, Problems.FleetNotAllowed, Problems.FleetUnknown,
                Problems.AlreadyRegistered, Problems.HostnameBeingReleased,
            ])
        .Example(new RegisterDomainRequest(
            "shop.example.com", "ecdsaP256", null, Metadata: new Dictionary<string, string> { ["customer"] = "4711" },
            Tls: new TlsChange { MinimumVersion = "1.2" }), Examples.Registered)
        .Produces<DomainView>(StatusCodes.Status201Created);

    /// <summary>Goes on when the caller hangs up: whoever repeats the call must find the first result.</summary>
    private static async Task<IResult> HandleAsync(
        RegisterDomainRequest body, Caller caller, HttpContext context, ControlPlaneDb db, DomainViews views,
        [FromServices] IWakes wakes, IOptions<FleetOptions> options, TimeProvider time)
    {
        if (await TenantOfAsync(body, caller, db) is not { } tenant)
        {
            return RefuseTenant(body, caller);
        }

        if (body.Fleet is not null && caller.Role == ApiRole.Portal)
        {
            return Problems.FleetNotAllowed.With();
        }

        var now = time.NowStored();
        if (await FleetChoice.MakeAsync(db, body.Fleet, tenant, options.Value.Name, now) is not { } fleet)
        {
            return Problems.FleetUnknown.With($"There is no fleet {body.Fleet}.");
        }

        if (await RefuseTargetsAsync(body.Hostname!, db) is { } ours)
        {
            return ours;
        }

        var past = await ForgottenNames.LookAsync(db, body.Hostname!, now, CancellationToken.None);
        // An operator knows whose a forgotten name was; a portal only claims it.
        var vouched = past != ForgottenPast.None && caller.Role != ApiRole.Portal;
        var contested = (past == ForgottenPast.InUse && !vouched) || await Contest.IsOnAsync(
            db, body.Hostname!, tenant, now - options.Value.Quarantine, vouched, CancellationToken.None);
        while (true)
        {
            await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
            var domain = new Domain
            {
                Id = Guid.CreateVersion7(now),
                TenantId = tenant,
                FleetId = fleet.Id,
                Hostname = body.Hostname!,
                KeyAlgorithm = KeyAlgorithms.ByWord[body.KeyAlgorithm ?? KeyAlgorithms.Word(KeyAlgorithm.EcdsaP256)],
                Metadata = Metadata.Of(body.Metadata ?? Metadata.None),
                TlsMinimum = body.Tls?.MinimumVersion ?? TlsVersions.Default,
                Claim = contested ? Claim.Contested : Claim.Held,
                ProvenAt = vouched && !contested ? now : null,
                CnameTarget = await TenantTarget.OfAsync(
                    db, tenant, options.Value, FleetWay.Of(fleet, options.Value), now, CancellationToken.None),
                CreatedAt = now,
            };
            Enter(db, domain, now);
            try
            {
                await db.SaveChangesAsync(CancellationToken.None);
            }
            catch (DbUpdateException refused)
                when (refused.InnerException is PostgresException { SqlState: "23505" } conflict)
            {
                await transaction.RollbackAsync(CancellationToken.None);
                db.ChangeTracker.Clear();
                // The indexes decide, not the look beforehand: of a hundred parallel registrations one holds the name.
                if (conflict.ConstraintName == HeldOnce && !contested)
                {
                    contested = true;
                    continue;
                }

                return await ExplainAsync(domain.Hostname, tenant, db);
            }

            var view = await views.OneAsync(domain, CancellationToken.None);
            var location = $"/v1/domains/{domain.Id}";
            await IdempotentRequest.RecordAsync(context, db, StatusCodes.Status201Created, location, view);
            await transaction.CommitAsync(CancellationToken.None);
            wakes.Wake(OrderState.PendingDns);
            return TypedResults.Created(location, view);
        }
    }

    /// <summary>The claim, its first order, and what is told of them.</summary>
    private static void Enter(ControlPlaneDb db, Domain domain, DateTimeOffset now)
    {
        var order = Order.Open(domain, OrderKind.New, now);
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

    private static async Task<Guid?> TenantOfAsync(RegisterDomainRequest body, Caller caller, ControlPlaneDb db)
    {
        if (caller.Role == ApiRole.Portal)
        {
            return body.Tenant is null ? caller.TenantId : null;
        }

        return body.Tenant is null
            ? null
            : (await TenantReference.FindAsync(db, body.Tenant, CancellationToken.None))?.Id;
    }

    private static Problem RefuseTenant(RegisterDomainRequest body, Caller caller) =>
        caller.Role == ApiRole.Portal ? Problems.TenantNotAllowed.With()
        : body.Tenant is null ? Problems.TenantRequired.With()
        : Problems.TenantUnknown.With($"There is no tenant {body.Tenant}.");

    private static async Task<Problem> ExplainAsync(string hostname, Guid tenant, ControlPlaneDb db)
    {
        var own = await db.Domains.AsNoTracking().SingleOrDefaultAsync(
            row => row.Hostname == hostname && row.TenantId == tenant && row.DeletedAt == null, CancellationToken.None);
        return own is null or { Status: DomainStatus.Deleting }
            ? Problems.HostnameBeingReleased.With() with { RetryAfterSeconds = 60, Existing = own?.Id }
            : Problems.AlreadyRegistered.With($"{hostname} is already registered.") with { Existing = own.Id };
    }

    /// <summary>The configured target is refused with the body; those of fleets made since are rows.</summary>
    private static async Task<Problem?> RefuseTargetsAsync(string hostname, ControlPlaneDb db) =>
        (await db.Fleets.Select(row => row.CnameTarget).ToListAsync(CancellationToken.None))
            .Select(target => HostnameRules.RefuseTarget(hostname, target)).OfType<Problem>().FirstOrDefault();
}

/// <summary>A name to register.</summary>
/// <param name="Hostname">The full name in lower-case A-labels, at most 64 characters, such as
/// <c>shop.example.com</c>.</param>
/// <param name="KeyAlgorithm"><c>ecdsaP256</c> (default) or <c>rsa2048</c> for clients that know nothing newer.</param>
/// <param name="Tenant">For whom, by name or id. Operators must give it, portals must not.</param>
/// <param name="Fleet">The fleet to serve it, by name or id, for operators; the tenant's or the configured one when
/// left out.</param>
/// <param name="Metadata">Your own words for it, such as the number of a customer: up to 16 short texts by
/// name.</param>
/// <param name="Tls">How nodes are to speak TLS for it.</param>
internal sealed record RegisterDomainRequest(
    string? Hostname, string? KeyAlgorithm, string? Tenant, string? Fleet = null,
    IReadOnlyDictionary<string, string>? Metadata = null, TlsChange? Tls = null)
{
    internal sealed class Rules : AbstractValidator<RegisterDomainRequest>
    {
        public Rules(IOptions<FleetOptions> fleet)
        {
            RuleFor(body => body.Hostname).Custom((name, context) =>
            {
                if (HostnameRules.Refuse(name, fleet.Value) is { } problem)
                {
                    context.Fail(problem);
                }
            });
            RuleFor(body => body.KeyAlgorithm).Must(word => word is null || KeyAlgorithms.ByWord.ContainsKey(word))
                .WithMessage($"keyAlgorithm must be one of {string.Join(", ", KeyAlgorithms.ByWord.Keys)}.");
            RuleFor(body => body.Metadata).Must(entries => entries is null
                    || (entries.Count <= Settings.Metadata.MostEntries
                        && entries.All(entry => Settings.Metadata.IsEntry(entry.Key, entry.Value))))
                .WithMessage(Settings.Metadata.Rule);
            RuleFor(body => body.Tls).Must(tls => TlsChange.IsVersion(tls?.MinimumVersion))
                .WithMessage(TlsChange.Rule).OverridePropertyName("tls.minimumVersion");
        }
    }
}
