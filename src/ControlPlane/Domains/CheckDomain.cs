using ControlPlane.Database;
using ControlPlane.Domains.Preflight;
using ControlPlane.Domains.Reading;
using ControlPlane.Domains.Running;
using ControlPlane.Domains.Sweeps;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.Conditions;
using ControlPlane.Http.OpenApi;
using ControlPlane.Jobs;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains;

/// <summary>POST /v1/domains/{id}/check: looks at a waiting domain now instead of at its next time.</summary>
internal static class CheckDomain
{
    public static void Map(RouteGroupBuilder domains) => domains.MapPost("{id:guid}/check", HandleAsync)
        .WithMetadata(new HonoursConditions())
        .RequireAuthorization(AccessPolicy.Portal)
        .WithName("CheckDomain").WithSummary("Check now")
        .Documented(
            "For the customer who has just created the DNS record: looks at once where the name leads, at CAA, DNSSEC "
            + "and port 80, and puts what it finds into `findings`, a moment after this answer; then `nextCheckAt` is "
            + "in the future again. The looks after it come often, as at the beginning. Without it, looks come at "
            + $"`nextCheckAt`: {RetrySchedules.DnsInWords}. Does nothing when there is nothing to wait for, asks the "
            + "CA, or addresses that are not ours, once a minute at most, and never shortens the look-ups after a lost "
            + "answer of the CA.",
            Problems.MalformedRequest, Problems.NotFound)
        .Example(null, Examples.Waiting).Produces<DomainView>(StatusCodes.Status202Accepted);

    public static async Task<IResult> HandleAsync(
        Guid id, Caller caller, HttpContext context, ControlPlaneDb db, DomainViews views,
        [FromServices] IWakes wakes, [FromServices] EarlyLooks looks, TimeProvider time, CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await db.LockAsync(id, caller) is not { } domain)
        {
            return Problems.NotFound.With("There is no such domain.");
        }

        if (await views.PreconditionAsync(context, domain) is { } refusal)
        {
            return refusal;
        }

        var now = time.GetUtcNow().ToUniversalTime();
        // A lost answer's look-ups have their own schedule: the order may be placed again only after the last of them.
        var due = db.Orders.Where(row => row.DomainId == id && row.NextAttemptAt > now
            && !(row.State == OrderState.PendingOrder && row.SubmittedAt != null));
        var woken = new HashSet<OrderState>();
        foreach (var order in await due.Select(row => new { row.Id, row.State, row.Reason }).ToListAsync(ct))
        {
            // To look at DNS or at the nodes costs us alone. At the CA it costs everyone's quota; and a name that leads
            // elsewhere is probed there, at addresses of its tenant's choice, whose owners never asked for it.
            var probes = order.State == OrderState.PendingDns && order.Reason is { } reason
                && CaEyes.DialOthers.Contains(reason);
            var at = now;
            var asksTheCa = order.State
                is OrderState.PendingOrder or OrderState.PendingValidation or OrderState.PendingIssuance;
            if ((probes || asksTheCa) && !looks.Take(order.Id.ToString()))
            {
                if (!probes)
                {
                    continue;
                }

                // Late, and not lost: the record may have been put right a moment ago.
                at = now + EarlyLooks.Between;
            }

            await due.Where(row => row.Id == order.Id && row.State == order.State && row.NextAttemptAt > at)
                // A customer who asks has just changed something: the looks after this one come often again, and
                // asking too early never makes them rarer.
                .ExecuteUpdateAsync(
                    set => set.SetProperty(row => row.NextAttemptAt, at).SetProperty(
                        row => row.Snoozes, row => row.State == OrderState.PendingDns ? 0 : row.Snoozes),
                    ct);
            woken.Add(order.State);
        }

        await transaction.CommitAsync(ct);
        foreach (var state in woken)
        {
            wakes.Wake(state);
        }

        return TypedResults.Accepted($"/v1/domains/{id}", await views.OneAsync(domain, ct));
    }
}
