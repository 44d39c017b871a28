using ControlPlane.Adoptions;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Domains.Hostnames;
using ControlPlane.Domains.Reading;
using ControlPlane.Domains.Registering;
using ControlPlane.Domains.Settings;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.Idempotency;
using ControlPlane.Http.OpenApi;
using ControlPlane.Jobs;
using FluentValidation;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

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
            + "`waitingOn`. A name that another tenant claims, or had within the last days, is taken as contested: "
            + "`ownership` and `dnsRecords` then show a TXT record, and nothing is ordered before it is seen; so is a "
            + "name that nodes serve or the CA knows since before a restore, unless an operator registers it. A portal "
            + "registers for its own tenant; support and admins name the tenant, and may name the `fleet` that is to "
            + "serve it. Else it is the tenant's, or the configured one. A domain stays in its fleet. With `adopt` "
            + "an operator says that nodes serve the name already: it waits for `sync-agent adopt` and buys nothing.",
            [
                .. HostnameProblems.All, Problems.InvalidField, Problems.TenantRequired, Problems.TenantNotAllowed,
                Problems.TenantUnknown, Problems.FleetNotAllowed, Problems.FleetUnknown,
                AdoptionProblems.NotAllowed,
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
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        switch (await Registration.EnterAsync(db, body, Registrant.Of(caller), options.Value, time.NowStored()))
        {
            case RegistrationOutcome.Registered { Domain: var domain }:
                var view = await views.OneAsync(domain, CancellationToken.None);
                var location = $"/v1/domains/{domain.Id}";
                await IdempotentRequest.RecordAsync(context, db, StatusCodes.Status201Created, location, view);
                await transaction.CommitAsync(CancellationToken.None);
                wakes.Wake(OrderState.PendingDns);
                return TypedResults.Created(location, view);
            case RegistrationOutcome.AlreadyYours { Domain: var own }:
                return Problems.AlreadyRegistered.With($"{own.Hostname} is already registered.") with
                {
                    Existing = own.Id,
                };
            case RegistrationOutcome.Refused { Problem: var problem }:
                return problem;
            case var other:
                throw new InvalidOperationException($"A registration cannot end as {other}.");
        }
    }
}

/// <summary>A name to register.</summary>
/// <param name="Hostname">The full name in lower-case A-labels, at most 64 characters, such as
/// <c>shop.example.com</c>.</param>
/// <param name="KeyAlgorithm"><c>ecdsaP256</c> (default) or <c>rsa2048</c> for clients that know nothing newer.</param>
/// <param name="Tenant">For whom, by name or id. Operators must give it, portals must not.</param>
/// <param name="Fleet">The fleet to serve it, by name or id, for operators; the tenant's or the configured one when
/// left out.</param>
/// <param name="Adopt">True, for operators: nothing is bought; the certificate that nodes serve the name with is waited
/// for, and taken over.</param>
/// <param name="Metadata">Your own words for it, such as the number of a customer: up to 16 short texts by
/// name.</param>
/// <param name="Tls">How nodes are to speak TLS for it.</param>
/// <param name="CertificateAuthority">The CA its certificates are to come from, by its name in the operator's settings;
/// its tenant's or the configured one when left out.</param>
internal sealed record RegisterDomainRequest(
    string? Hostname, string? KeyAlgorithm, string? Tenant, string? Fleet = null, bool Adopt = false,
    IReadOnlyDictionary<string, string>? Metadata = null, TlsChange? Tls = null, string? CertificateAuthority = null)
{
    /// <summary>What <see cref="KeyAlgorithm"/> says, or the one for those who do not say.</summary>
    internal KeyAlgorithm Algorithm =>
        KeyAlgorithms.ByWord[KeyAlgorithm ?? KeyAlgorithms.Word(Domains.KeyAlgorithm.EcdsaP256)];

    internal sealed class Rules : AbstractValidator<RegisterDomainRequest>
    {
        public Rules(IOptions<FleetOptions> fleet, Authorities authorities)
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
            RuleFor(body => body.CertificateAuthority).Must(authorities.IsChoice)
                .WithMessage(authorities.Rule);
        }
    }
}
