using static ControlPlane.Http.WaitingOn;

namespace ControlPlane.Http;

/// <summary>Every problem the API answers with. The list is closed: a code that is not here does not exist.</summary>
internal static class Problems
{
    public static readonly ProblemKind MalformedRequest = new(
        "malformed-request", 400, Customer, "The request cannot be understood.",
        "Compare the request with the description of this route at /swagger.");

    public static readonly ProblemKind MalformedJson = new(
        "malformed-json", 400, Customer, "The body is missing or is not the JSON this route expects.",
        "Send a JSON object as shown at /swagger, at most 32 levels deep, with Content-Type: application/json.");

    public static readonly ProblemKind UnknownField = new(
        "unknown-field", 400, Customer, "The body has a field this route does not know.",
        "Remove the field or correct its spelling; unknown fields are refused so that a typing error is never "
        + "ignored.");

    public static readonly ProblemKind UnknownParameter = new(
        "unknown-parameter", 400, Customer, "The query has a parameter this route does not know.",
        "Remove the parameter or correct its spelling; detail lists those of the route.");

    public static readonly ProblemKind InvalidField = new(
        "invalid-field", 400, Customer, "A field has a value that is not allowed.",
        "Correct the fields listed in errors.");

    public static readonly ProblemKind TenantRequired = new(
        "tenant-required", 400, Customer, "An operator's key must say for which tenant it registers.",
        "Add the field tenant with the tenant's name or id.");

    public static readonly ProblemKind TenantNotAllowed = new(
        "tenant-not-allowed", 400, Customer, "A portal's key always acts for its own tenant.",
        "Leave the field tenant out.");

    public static readonly ProblemKind TenantUnknown = new(
        "tenant-unknown", 400, Customer, "There is no tenant of this name or id.",
        "Create it with POST /v1/tenants, or correct the name or id.");

    public static readonly ProblemKind FleetNotAllowed = new(
        "fleet-not-allowed", 400, Customer, "Only an operator's key chooses the fleet.",
        "Leave the field fleet out: the operator has said where this tenant's domains go.");

    public static readonly ProblemKind FleetUnknown = new(
        "fleet-unknown", 400, Operator, "There is no fleet of this name or id.",
        "Create it with POST /v1/fleets, or correct the name or id; GET /v1/fleets lists them.");

    public static readonly ProblemKind NotAuthenticated = new(
        "not-authenticated", 401, Customer, "The request carries no valid key.",
        "Send the header Authorization: Bearer <key> with a key that was not revoked and has not expired.");

    public static readonly ProblemKind NotAllowed = new(
        "not-allowed", 403, Customer, "The key's role does not permit this.",
        "Use a key of a role that may do this; the description of the route names it.");

    public static readonly ProblemKind TenantDisabled = new(
        "tenant-disabled", 403, Operator, "The tenant is disabled.",
        "Ask the operator. The tenant's domains go on being served; an admin ends this with "
        + "POST /v1/tenants/{tenant}/enable.");

    public static readonly ProblemKind NotFound = new(
        "not-found", 404, Customer, "There is nothing here that the key may see.",
        "Check the id and the path; GET /v1/domains?hostname=<name> finds a domain's id. A portal's key sees its own "
        + "tenant only.");

    public static readonly ProblemKind MethodNotAllowed = new(
        "method-not-allowed", 405, Customer, "The path exists, but not with this method.",
        "Use one of the methods in the Allow header.");

    public static readonly ProblemKind AlreadyRegistered = new(
        "already-registered", 409, None, "This tenant has already registered the name.",
        "Nothing to do: read the domain given in existing.");

    public static readonly ProblemKind HostnameBeingReleased = new(
        "hostname-being-released", 409, None, "An earlier registration of the name is still being taken down.",
        "Try again in a minute.");

    public static readonly ProblemKind TenantExists = new(
        "tenant-exists", 409, None, "There is already a tenant of this name.",
        "Use the tenant given in existing.");

    public static readonly ProblemKind KeyNotLive = new(
        "key-not-live", 409, Operator, "The key was revoked or has expired.",
        "Create a new key: one that opens nothing any more has no successor.");

    public static readonly ProblemKind RotationUnderWay = new(
        "rotation-under-way", 409, Operator, "Two keys of this line are valid already.",
        "Wait until the older one expires, or revoke the one in existing, then rotate.");

    public static readonly ProblemKind IdempotencyInProgress = new(
        "idempotency-in-progress", 409, None, "The first request with this Idempotency-Key is still being answered.",
        "Repeat the request after the time in Retry-After.");

    public static readonly ProblemKind DomainDeleted = new(
        "domain-deleted", 409, Customer, "The domain is deleted, or is being deleted: it has no settings any more.",
        "Nothing to do; register the name again with POST /v1/domains to have it back.");

    public static readonly ProblemKind DomainNotServed = new(
        "domain-not-served", 409, Customer, "The domain is not served: it has no certificate to renew or revoke.",
        "Read the domain: its reason says what keeps it from its first certificate.");

    public static readonly ProblemKind PreconditionFailed = new(
        "precondition-failed", 412, Customer, "The resource is not, or no longer, what If-Match or If-None-Match asks "
        + "for. Nothing was done.",
        "Read it again, look whether the change still makes sense, and repeat it with the tag of that answer; ETag of "
        + "this one is the present tag.");

    public static readonly ProblemKind BodyTooLarge = new(
        "body-too-large", 413, Customer, "The body is larger than this route accepts.",
        "Send less: 64 KB are accepted, 1 MB on the routes of the agents, 4 MB for an import or a campaign.");

    public static readonly ProblemKind UnsupportedContentType = new(
        "unsupported-content-type", 415, Customer, "The body is not declared as JSON.",
        "Send the header Content-Type: application/json.");

    public static readonly ProblemKind IdempotencyKeyReused = new(
        "idempotency-key-reused", 422, Customer, "This Idempotency-Key belongs to another request.",
        "Use a new key for every new request; a UUID will do.");

    public static readonly ProblemKind TooManyRequests = new(
        "too-many-requests", 429, Customer,
        "More requests come from this key, or without a key from this address, than may.",
        "Wait for the time in Retry-After, then go on more slowly.");

    public static readonly ProblemKind Unexpected = new(
        "unexpected", 500, Operator, "Something failed that should not.",
        "Repeat the request with the same Idempotency-Key. If it stays, give the traceId to the operator.");

    public static readonly ProblemKind Unavailable = new(
        "unavailable", 503, Operator, "The API cannot reach its database.",
        "Repeat the request after the time in Retry-After; nothing was changed.");

    /// <summary>Every problem, by code.</summary>
    public static readonly IReadOnlyDictionary<string, ProblemKind> ByCode = new[]
    {
        MalformedRequest, MalformedJson, UnknownField, UnknownParameter, InvalidField, TenantRequired,
        TenantNotAllowed, TenantUnknown, FleetNotAllowed, FleetUnknown,
        NotAuthenticated, NotAllowed, TenantDisabled, NotFound, MethodNotAllowed,
        AlreadyRegistered, HostnameBeingReleased, TenantExists, KeyNotLive, RotationUnderWay,
        IdempotencyInProgress, DomainDeleted, DomainNotServed, PreconditionFailed,
        BodyTooLarge, UnsupportedContentType, IdempotencyKeyReused, TooManyRequests, Unexpected, Unavailable,
    }.Concat(HostnameProblems.All).Concat(Nodes.NodeProblems.All).Concat(Vault.VaultProblems.All)
        .Concat(Webhooks.WebhookProblems.All).Concat(Imports.ImportProblems.All)
        .Concat(Adoptions.AdoptionProblems.All).Concat(Campaigns.CampaignProblems.All)
        .ToDictionary(kind => kind.Code);

    /// <summary>The kind for an error status that came without a body, such as routing's own 404.</summary>
    public static ProblemKind OfStatus(int status) => status switch
    {
        401 => NotAuthenticated,
        403 => NotAllowed,
        404 => NotFound,
        405 => MethodNotAllowed,
        413 => BodyTooLarge,
        415 => UnsupportedContentType,
        429 => TooManyRequests,
        503 => Unavailable,
        >= 500 => Unexpected,
        _ => MalformedRequest,
    };
}
