using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Domains.Reading;
using ControlPlane.Domains.Sweeps;
using ControlPlane.Domains.Visits;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Jobs;
using ControlPlane.SupportConsole.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.SupportConsole.Pages;

/// <summary>What the search shows.</summary>
/// <param name="Query">The filters as they were given.</param>
/// <param name="Page">What was found; null when it could not be looked for.</param>
/// <param name="Refusal">Why not.</param>
/// <param name="Fleets">To choose from.</param>
internal sealed record DomainSearch(
    DomainQuery Query, Page<DomainView>? Page, Problem? Refusal, IReadOnlyList<string> Fleets);

/// <summary>What to look for; bound by the framework (<see cref="AsParametersAttribute"/>). A form sends empty fields,
/// too.</summary>
internal readonly record struct DomainQuery(
    string? Q, string? Status, string? WaitingOn, string? Reason, string? Tenant, string? Fleet, Guid? Cursor)
{
    public static string? Given(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    /// <summary>The same search from another place on.</summary>
    public string From(string? cursor)
    {
        var parts = new (string Name, string? Value)[]
        {
            ("q", Q), ("status", Status), ("waitingOn", WaitingOn), ("reason", Reason), ("tenant", Tenant),
            ("fleet", Fleet), ("cursor", cursor),
        };
        return ConsoleSetup.Root + "/domains?" + string.Join('&', parts
            .Where(part => Given(part.Value) is not null)
            .Select(part => $"{part.Name}={Uri.EscapeDataString(part.Value!)}"));
    }
}

/// <summary>All that is known of one domain.</summary>
internal sealed record DomainFile(
    DomainView View, IReadOnlyList<DomainEvent> Events, bool HasEarlier, IReadOnlyList<TokenVisitView> Visits,
    IReadOnlyList<CertificateView> Certificates, IReadOnlyList<NodeDeliveryView> Delivery, string? Checked);

/// <summary>Search, one domain, and its one button. Everything comes through the handlers of the API.</summary>
internal static class DomainPages
{
    private const int PageSize = 50;

    /// <summary>Events of one domain that are shown, the last ones.</summary>
    private const int Events = 100;

    public static void Map(RouteGroupBuilder pages)
    {
        pages.MapGet("domains", SearchAsync).WithName("ConsoleDomains");
        pages.MapGet("domains/{id:guid}", OneAsync).WithName("ConsoleDomain");
        pages.MapPost("domains/{id:guid}/check", CheckAsync).WithName("ConsoleCheckDomain");
    }

    private static async Task<IResult> SearchAsync(
        [AsParameters] DomainQuery query, Caller caller, ControlPlaneDb db, DomainViews views, CancellationToken ct)
    {
        if (Guid.TryParse(DomainQuery.Given(query.Q), out var id))
        {
            return new SeeOther($"{ConsoleSetup.Root}/domains/{id}");
        }

        var found = await ListDomains.HandleAsync(
            caller, db, views, ct, status: DomainQuery.Given(query.Status), hostname: DomainQuery.Given(query.Q),
            waitingOn: DomainQuery.Given(query.WaitingOn), reason: DomainQuery.Given(query.Reason),
            tenant: DomainQuery.Given(query.Tenant), fleet: DomainQuery.Given(query.Fleet), cursor: query.Cursor,
            limit: PageSize);
        var fleets = await db.Fleets.OrderBy(row => row.Name).Select(row => row.Name).Take(200).ToListAsync(ct);
        var search = new DomainSearch(query, (found as Ok<Page<DomainView>>)?.Value, found as Problem, fleets);
        return new HtmlPage<DomainsPage>("Domains", search)
        {
            LiveSeconds = 10,
            Status = search.Refusal?.Kind.Status ?? StatusCodes.Status200OK,
        };
    }

    private static async Task<IResult> OneAsync(
        Guid id, Caller caller, ControlPlaneDb db, DomainViews views, Authorities authorities, TimeProvider time,
        CancellationToken ct, [FromQuery(Name = "checked")] string? asked = null)
    {
        if (await db.Domains.FindVisibleAsync(id, caller, ct) is not { } domain)
        {
            return Notice.Page(StatusCodes.Status404NotFound, "There is no such domain.", "Search for it by its name.");
        }

        var view = await views.OneAsync(domain, ct);
        var events = await db.Events.AsNoTracking().Where(row => row.DomainId == id)
            .OrderByDescending(row => row.Id).Take(Events + 1).ToListAsync(ct);
        var file = new DomainFile(
            view, [.. events.Take(Events)], events.Count > Events,
            ItemsOf<TokenVisitView>(await ReadTokenVisits.HandleAsync(id, caller, db, authorities, ct)),
            ItemsOf<CertificateView>(await ReadCertificates.HandleAsync(id, caller, db, time, ct)),
            ItemsOf<NodeDeliveryView>(await ReadDelivery.HandleAsync(id, caller, db, ct)),
            asked);
        return new HtmlPage<DomainPage>(view.Hostname, file) { LiveSeconds = 2 };
    }

    private static async Task<IResult> CheckAsync(
        Guid id, Caller caller, HttpContext context, ControlPlaneDb db, DomainViews views,
        [FromServices] IWakes wakes, [FromServices] EarlyLooks looks, TimeProvider time)
    {
        var answer = await CheckDomain.HandleAsync(
            id, caller, context, db, views, wakes, looks, time, CancellationToken.None);
        return answer is Problem problem
            ? Notice.Page(problem)
            : new SeeOther($"{ConsoleSetup.Root}/domains/{id}?checked=1");
    }

    /// <summary>Nothing where it is gone meanwhile.</summary>
    private static IReadOnlyList<T> ItemsOf<T>(IResult answer) => (answer as Ok<Page<T>>)?.Value?.Items ?? [];
}
