using ControlPlane.Database;
using ControlPlane.Domains.Reading;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.Conditions;
using ControlPlane.Http.OpenApi;
using ControlPlane.Jobs;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Renewing;

/// <summary>POST /v1/domains/{id}/renew: gives a served domain a new certificate over a new key, before its
/// time.</summary>
internal static class RenewDomain
{
    /// <summary>A certificate that is younger is new enough: repeated for hours, a call that costs money at some CAs
    /// and quota at all would not be idempotent.</summary>
    internal static readonly TimeSpan NewEnough = TimeSpan.FromHours(1);

    public static void Map(RouteGroupBuilder domains) => domains.MapPost("{id:guid}/renew", HandleAsync)
        .WithMetadata(new HonoursConditions())
        .RequireAuthorization(AccessPolicy.Owner)
        .WithName("RenewDomain").WithSummary("Renew now")
        .Documented(
            "Orders a new certificate over a new key now instead of at `renewal.at`, for instance because the key may "
            + "be known to others. The present one is served until every node has proven the new one. Renewals come by "
            + "themselves: nobody needs this for them. While a certificate is on its way, or when the one that is "
            + $"served is younger than {NewEnough.TotalMinutes:0} minutes, nothing is ordered.",
            Problems.MalformedRequest, Problems.NotFound, Problems.DomainDeleted, Problems.DomainNotServed)
        .Example(null, Examples.Active).Produces<DomainView>(StatusCodes.Status202Accepted);

    private static async Task<IResult> HandleAsync(
        Guid id, Caller caller, HttpContext context, ControlPlaneDb db, DomainViews views,
        [FromServices] IWakes wakes, TimeProvider time, CancellationToken ct)
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

        if (domain.Status is DomainStatus.Deleting or DomainStatus.Deleted)
        {
            return Problems.DomainDeleted.With($"{domain.Hostname} is deleted.");
        }

        var now = time.NowStored();
        if (!await SuccessorOrder.IsUnderWayAsync(db, id, ct))
        {
            if (domain.Status != DomainStatus.Active || domain.ActiveBundleId is not { } served)
            {
                return Problems.DomainNotServed.With($"No node has proven a certificate of {domain.Hostname} yet.");
            }

            if (!await db.Bundles.AnyAsync(row => row.Id == served && row.CreatedAt > now - NewEnough, ct))
            {
                SuccessorOrder.Open(db, domain, "A new certificate was asked for before its time.", now);
                await db.SaveChangesAsync(ct);
            }
        }

        await transaction.CommitAsync(ct);
        wakes.Wake(OrderState.PendingDns);
        return TypedResults.Accepted($"/v1/domains/{id}", await views.OneAsync(domain, ct));
    }
}
