using System.ComponentModel;
using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using ControlPlane.Nodes.Fleets;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Reading;

/// <summary>GET /v1/domains: a page of domains, oldest first.</summary>
internal static class ListDomains
{
    public static void Map(RouteGroupBuilder domains) => domains.MapGet("", HandleAsync)
        .RequireAuthorization(AccessPolicy.Portal)
        .WithName("ListDomains").WithSummary("List domains")
        .Documented(
            "Oldest first. Deleted domains are left out unless `status` asks for them. Filters go together: a domain "
            + "is shown that meets all of them. Pages may be read while domains come, go and change: what was there "
            + "and met the filters all the time is shown once; what did for a part of it, once or not at all.",
            Problems.InvalidField, Problems.MalformedRequest, Problems.TenantNotAllowed, Problems.TenantUnknown,
            Problems.FleetNotAllowed, Problems.FleetUnknown)
        .Words("status", Enum.GetNames<OverallStatus>()).Words("waitingOn", Enum.GetNames<WaitingOn>())
        .Words("reason", [.. Reasons.ByCode.Keys])
        .Example(null, new Page<DomainView>([Examples.Active], null)).Produces<Page<DomainView>>();

    public static async Task<IResult> HandleAsync(
        Caller caller, ControlPlaneDb db, DomainViews views, CancellationToken ct,
        [Description("The domain as a whole.")] string? status = null,
        [Description("The beginning of the name.")] string? hostname = null,
        [Description("Who must act next.")] string? waitingOn = null,
        [Description("Why it is not further, such as `node-refused`.")] string? reason = null,
        [Description("The certificate that is served ends before this time (RFC 3339).")]
        DateTimeOffset? expiresBefore = null,
        [Description("The certificate that is served ends after this time (RFC 3339).")]
        DateTimeOffset? expiresAfter = null,
        [Description("One entry of its metadata, as `name:value`.")] string? metadata = null,
        [Description("Whose, by name or id; for operators' keys.")] string? tenant = null,
        [Description("Which fleet's, by name or id; for operators' keys.")] string? fleet = null,
        Guid? cursor = null,
        int limit = Page<DomainView>.DefaultLimit)
    {
        if (Page<DomainView>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        if (!TryParse<OverallStatus>(status, out var wantedStatus))
        {
            return NoSuch("status", Enum.GetNames<OverallStatus>());
        }

        if (!TryParse<WaitingOn>(waitingOn, out var party))
        {
            return NoSuch("waitingOn", Enum.GetNames<WaitingOn>());
        }

        if (reason is not null && !Reasons.ByCode.ContainsKey(reason))
        {
            return NoSuch("reason", [.. Reasons.ByCode.Keys]);
        }

        if (!DomainFilters.TryHolding(metadata, db, out var domains))
        {
            return Wrong("metadata", "metadata must be name:value, such as customer:4711.");
        }

        var query = domains.AsNoTracking().VisibleTo(caller).HavingStatus(wantedStatus, db)
            .BeginningWith(hostname).Expiring(expiresAfter, expiresBefore);
        if (tenant is not null)
        {
            if (caller.Role == ApiRole.Portal)
            {
                return Problems.TenantNotAllowed.With();
            }

            if (await TenantReference.FindAsync(db, tenant, ct) is not { Id: var owner })
            {
                return Problems.TenantUnknown.With($"There is no tenant {tenant}.");
            }

            query = query.Where(domain => domain.TenantId == owner);
        }

        if (fleet is not null)
        {
            if (caller.Role == ApiRole.Portal)
            {
                return Problems.FleetNotAllowed.With();
            }

            if (await FleetReference.FindAsync(db, fleet, ct) is not { Id: var serving })
            {
                return Problems.FleetUnknown.With($"There is no fleet {fleet}.");
            }

            query = query.Where(domain => domain.FleetId == serving);
        }

        if (party is not null || reason is not null)
        {
            query = query.Showing(
                told => (party is null || told.WaitingOn == party) && (reason is null || told.Code == reason),
                none: party == WaitingOn.None && reason is null, db);
        }

        var rows = await query.Where(domain => cursor == null || domain.Id > cursor)
            .OrderBy(domain => domain.Id).Take(limit + 1).ToListAsync(ct);
        var items = await views.ManyAsync([.. rows.Take(limit)], ct);
        return TypedResults.Ok(new Page<DomainView>(items, rows.Count > limit ? $"{items[^1].Id}" : null));
    }

    private static bool TryParse<T>(string? word, out T? value)
        where T : struct, Enum
    {
        value = null;
        if (word is null)
        {
            return true;
        }

        // Words only: Enum.TryParse alone would take numbers too.
        if (word.Length == 0 || !word.All(char.IsAsciiLetter)
            || !Enum.TryParse<T>(word, ignoreCase: true, out var parsed))
        {
            return false;
        }

        value = parsed;
        return true;
    }

    private static Problem NoSuch(string field, string[] words) => Wrong(
        field, $"{field} must be one of {string.Join(", ", words.Select(word => word.ToLowerInvariant()))}.");

    private static Problem Wrong(string field, string detail) => Problems.InvalidField.With(detail) with
    {
        Errors = [new FieldProblem(field, Problems.InvalidField.Code, detail)],
    };
}
