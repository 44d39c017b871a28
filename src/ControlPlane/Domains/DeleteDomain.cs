using ControlPlane.Database;
using ControlPlane.Domains.Reading;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.Conditions;
using ControlPlane.Http.OpenApi;
using ControlPlane.Jobs;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains;

/// <summary>DELETE /v1/domains/{id}: takes a name off the nodes, for good.</summary>
internal static class DeleteDomain
{
    /// <summary>A step moves an order within milliseconds, so that the second look nearly always finds it at
    /// rest.</summary>
    private const int Tries = 10;

    public static void Map(RouteGroupBuilder domains) => domains.MapDelete("{id:guid}", HandleAsync)
        .WithMetadata(new HonoursConditions())
        .RequireAuthorization(AccessPolicy.Owner)
        .WithName("DeleteDomain").WithSummary("Delete a domain")
        .Documented(
            "Cancels what is under way, withdraws the name from every node and deletes its keys. It takes seconds: "
            + "follow `status` from deleting to deleted. Deleting twice changes nothing.",
            Problems.MalformedRequest, Problems.NotFound)
        .Example(null, Examples.Active with { Status = OverallStatus.Deleting, WaitingOn = WaitingOn.Nodes })
        .Produces<DomainView>(StatusCodes.Status202Accepted);

    private static async Task<IResult> HandleAsync(
        Guid id, Caller caller, HttpContext context, ControlPlaneDb db, DomainViews views,
        [FromServices] IWakes wakes, TimeProvider time)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await TryAsync(id, caller, context, db, views, wakes, time.GetUtcNow().ToUniversalTime());
            }
            catch (DbUpdateConcurrencyException) when (attempt < Tries)
            {
                // A step moved or claimed an order between our read and our write: look again.
                db.ChangeTracker.Clear();
            }
        }
    }

    private static async Task<IResult> TryAsync(
        Guid id, Caller caller, HttpContext context, ControlPlaneDb db, DomainViews views, IWakes wakes,
        DateTimeOffset now)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        if (await db.LockAsync(id, caller) is not { } domain)
        {
            return Problems.NotFound.With("There is no such domain.");
        }

        if (await views.PreconditionAsync(context, domain) is { } refusal)
        {
            return refusal;
        }

        var states = new HashSet<OrderState>();
        if (domain.Status is not (DomainStatus.Deleting or DomainStatus.Deleted))
        {
            domain.Status = DomainStatus.Deleting;
            db.Add(Told(
                domain, null, EventTypes.DomainDeletionRequested, $"The deletion of {domain.Hostname} was requested.",
                now));
            var orders = await db.Orders
                .Where(
                    row => row.DomainId == id && row.State != OrderState.Superseded && row.State != OrderState.Canceled)
                .ToListAsync(CancellationToken.None);
            foreach (var order in orders)
            {
                if (order.RequestCancel(now) is { } from)
                {
                    db.Add(Told(
                        domain, order.Id, EventTypes.OrderMoved, $"{from} → {order.State}: {domain.WhyCanceled}", now));
                }

                states.Add(order.State);
            }

            if (orders.Count == 0)
            {
                // Lost to another tenant: everything of it was taken down then.
                (domain.Status, domain.DeletedAt) = (DomainStatus.Deleted, now);
                db.Add(Told(domain, null, EventTypes.DomainDeleted, $"{domain.Hostname} is deleted.", now));
            }

            await db.SaveChangesAsync(CancellationToken.None);
        }

        await transaction.CommitAsync(CancellationToken.None);
        foreach (var state in states)
        {
            wakes.Wake(state);
        }

        return TypedResults.Accepted($"/v1/domains/{id}", await views.OneAsync(domain, CancellationToken.None));
    }

    private static DomainEvent Told(
        Domain domain, Guid? order, string type, string message, DateTimeOffset now) =>
        new()
        {
            At = now,
            TenantId = domain.TenantId,
            DomainId = domain.Id,
            OrderId = order,
            Type = type,
            Message = message,
        };
}
