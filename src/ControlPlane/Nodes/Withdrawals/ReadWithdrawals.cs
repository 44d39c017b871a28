using System.ComponentModel;
using ControlPlane.Contracts;
using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Nodes.Fleets;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Nodes.Withdrawals;

/// <summary>What a fleet holds back.</summary>
/// <param name="Held">Withdrawals that wait for an admin.</param>
/// <param name="HeldUntil">When the last of them was held: pass it on to approve all that are shown, and none that
/// came later. Null when there is none.</param>
/// <param name="AllowedPerHour">Withdrawals that may go within any rolling hour without an approval, as large as the
/// fleet is now.</param>
/// <param name="Items">Those held, by name.</param>
/// <param name="NextCursor">Pass it as <c>cursor</c> to go on; null on the last page.</param>
internal sealed record WithdrawalsView(
    int Held, DateTimeOffset? HeldUntil, int AllowedPerHour, IReadOnlyList<HeldWithdrawal> Items, string? NextCursor);

/// <summary>A withdrawal that waits for an admin; the name is served until then.</summary>
/// <param name="Domain">The domain's id.</param>
/// <param name="Hostname">Its name.</param>
/// <param name="WithdrawnAt">When it was asked for.</param>
/// <param name="HeldAt">Since when it is held.</param>
internal sealed record HeldWithdrawal(Guid Domain, string Hostname, DateTimeOffset WithdrawnAt, DateTimeOffset HeldAt);

/// <summary>GET /v1/fleets/{fleet}/withdrawals.</summary>
internal static class ReadWithdrawals
{
    public static async Task<Results<Ok<WithdrawalsView>, Problem>> HandleAsync(
        [Description("The fleet, by id or name.")] string fleet,
        ControlPlaneDb db,
        NpgsqlDataSource database,
        CancellationToken ct,
        [Description("nextCursor of the page before.")] string? cursor = null,
        [Description("1–200 names a page.")] int limit = Page<HeldWithdrawal>.DefaultLimit)
    {
        if (Page<HeldWithdrawal>.Refuse(limit) is { } refusal)
        {
            return refusal;
        }

        if (await FleetReference.FindAsync(db, fleet, ct) is not { Id: var id })
        {
            return FleetReference.NotFound();
        }

        var held = db.DesiredChanges.Where(row => row.FleetId == id && row.HeldAt != null && row.Approval == null);
        var after = cursor ?? "";
        var items = await held.Where(row => string.Compare(row.Hostname, after) > 0)
            .OrderBy(row => row.Hostname).Take(limit + 1)
            .Select(row => new HeldWithdrawal(row.DomainId, row.Hostname, row.ChangedAt, row.HeldAt!.Value))
            .ToListAsync(ct);
        await using var connection = await database.OpenConnectionAsync(ct);
        return TypedResults.Ok(new WithdrawalsView(
            await held.CountAsync(ct),
            await held.MaxAsync(row => row.HeldAt, ct),
            WithdrawalAllowance.Of(await WithdrawalBreaker.ServedAsync(connection, id, ct)),
            [.. items.Take(limit)],
            items.Count > limit ? items[limit - 1].Hostname : null));
    }
}
