using ControlPlane.Database;
using ControlPlane.Domains.Hostnames;
using ControlPlane.Domains.Reading;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.Idempotency;
using ControlPlane.Http.OpenApi;
using ControlPlane.Jobs;
using FluentValidation;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Domains;

/// <summary>POST /v1/domains: a customer's name enters the path.</summary>
internal static class RegisterDomain
{
    public static void Map(RouteGroupBuilder domains) => domains.MapPost("", HandleAsync)
        .Validate<RegisterDomainRequest>()
        .WithMetadata(new HonoursIdempotencyKey())
        .RequireAuthorization(AccessPolicy.Portal)
        .WithName("RegisterDomain").WithSummary("Register a domain")
        .Documented(
            "The answer holds the DNS records the customer must create. Everything after that happens by itself: the "
            + "name is looked up, the certificate ordered, proven, issued and rolled out; follow `status` and "
            + "`waitingOn`. A portal registers for its own tenant; support and admins name the tenant.",
            [
                .. HostnameProblems.All, Problems.InvalidField, Problems.TenantRequired, Problems.TenantNotAllowed,
                Problems.TenantUnknown, Problems.HostnameTaken, Problems.AlreadyRegistered,
                Problems.HostnameBeingReleased,
            ])
        .Example(new RegisterDomainRequest("shop.example.com", "ecdsaP256", null), Examples.Registered)
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

        var now = time.GetUtcNow().ToUniversalTime();
        // PostgreSQL keeps microseconds: the first answer shows the same time as every later one.
        now = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
        var domain = new Domain
        {
            Id = Guid.CreateVersion7(now),
            TenantId = tenant,
            FleetId = await FleetAsync(db, options.Value.Name, now),
            Hostname = body.Hostname!,
            KeyAlgorithm = KeyAlgorithms.ByWord[body.KeyAlgorithm ?? KeyAlgorithms.Word(KeyAlgorithm.EcdsaP256)],
            CreatedAt = now,
        };
        var order = Order.Open(domain, OrderKind.New, now);
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        db.AddRange(domain, order, new DomainEvent
        {
            At = now,
            TenantId = tenant,
            DomainId = domain.Id,
            OrderId = order.Id,
            Type = EventTypes.DomainRegistered,
            Message = $"{domain.Hostname} was registered.",
        });
        try
        {
            await db.SaveChangesAsync(CancellationToken.None);
        }
        catch (DbUpdateException refused)
            when (refused.InnerException is PostgresException { SqlState: "23505" } conflict)
        {
            await transaction.RollbackAsync(CancellationToken.None);
            db.ChangeTracker.Clear();
            return await ExplainAsync(conflict, domain.Hostname, tenant, db);
        }

        var view = await views.OneAsync(domain, CancellationToken.None);
        var location = $"/v1/domains/{domain.Id}";
        await IdempotentRequest.RecordAsync(context, db, StatusCodes.Status201Created, location, view);
        await transaction.CommitAsync(CancellationToken.None);
        wakes.Wake(OrderState.PendingDns);
        return TypedResults.Created(location, view);
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

    /// <summary>The indexes decide, not a look beforehand: of a hundred parallel registrations one wins.</summary>
    private static async Task<Problem> ExplainAsync(
        PostgresException conflict, string hostname, Guid tenant, ControlPlaneDb db)
    {
        var holder = await db.Domains.AsNoTracking()
            .SingleOrDefaultAsync(row => row.Hostname == hostname && row.DeletedAt == null, CancellationToken.None);
        if (holder is null || conflict.ConstraintName == "orders_one_at_the_ca")
        {
            return Problems.HostnameBeingReleased.With() with { RetryAfterSeconds = 60 };
        }

        if (holder.TenantId != tenant)
        {
            // No more than that: whose it is, and since when, is not this caller's concern.
            return Problems.HostnameTaken.With($"{hostname} is already registered.");
        }

        return holder.Status == DomainStatus.Deleting
            ? Problems.HostnameBeingReleased.With() with { RetryAfterSeconds = 60, Existing = holder.Id }
            : Problems.AlreadyRegistered.With($"{hostname} is already registered.") with { Existing = holder.Id };
    }

    private static async Task<Guid> FleetAsync(ControlPlaneDb db, string name, DateTimeOffset now)
    {
        await db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO fleets (id, name, created_at) VALUES ({Guid.CreateVersion7(now)}, {name}, {now})
             ON CONFLICT DO NOTHING
             """,
            CancellationToken.None);
        return await db.Fleets.Where(row => row.Name == name).Select(row => row.Id).SingleAsync(CancellationToken.None);
    }
}

/// <summary>A name to register.</summary>
/// <param name="Hostname">The full name in lower-case A-labels, at most 64 characters, such as
/// <c>shop.example.com</c>.</param>
/// <param name="KeyAlgorithm"><c>ecdsaP256</c> (default) or <c>rsa2048</c> for clients that know nothing newer.</param>
/// <param name="Tenant">For whom, by name or id. Operators must give it, portals must not.</param>
internal sealed record RegisterDomainRequest(string? Hostname, string? KeyAlgorithm, string? Tenant)
{
    internal sealed class Rules : AbstractValidator<RegisterDomainRequest>
    {
        public Rules(IOptions<FleetOptions> fleet)
        {
            RuleFor(body => body.Hostname).Custom((name, context) =>
            {
                if (HostnameRules.Refuse(name, fleet.Value.CnameTarget) is { } problem)
                {
                    context.Fail(problem);
                }
            });
            RuleFor(body => body.KeyAlgorithm).Must(word => word is null || KeyAlgorithms.ByWord.ContainsKey(word))
                .WithMessage($"keyAlgorithm must be one of {string.Join(", ", KeyAlgorithms.ByWord.Keys)}.");
        }
    }
}
