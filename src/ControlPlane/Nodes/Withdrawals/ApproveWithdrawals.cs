using System.ComponentModel;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http;
using ControlPlane.Nodes.Fleets;
using ControlPlane.Nodes.Publishing;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace ControlPlane.Nodes.Withdrawals;

/// <summary>Which held withdrawals may go.</summary>
/// <param name="HeldUntil">Those held at or before this, as <c>heldUntil</c> of the list said: what was held since is
/// not approved unseen.</param>
/// <param name="Reason">For people, at most 500 characters.</param>
internal sealed record WithdrawalApproval(DateTimeOffset? HeldUntil, string? Reason = null);

/// <summary>What was let go.</summary>
/// <param name="Approval">Id under which the nodes are told; null when nothing was held.</param>
/// <param name="Approved">How many withdrawals.</param>
internal sealed record ApprovedWithdrawals(Guid? Approval, int Approved);

/// <summary>POST /v1/fleets/{fleet}/withdrawals/approve: an admin's word lets a mass withdrawal go. Each tombstone
/// carries its id, so that the nodes let it pass as well.</summary>
internal static class ApproveWithdrawals
{
    private const string Sql =
        """
        WITH approved AS (
            UPDATE desired_changes SET approval = $2
            WHERE fleet_id = $1 AND bundle_id IS NULL AND approval IS NULL AND held_at <= $3
            RETURNING 1
        ), counted AS (
            SELECT count(*)::int AS number FROM approved
        ), told AS (
            INSERT INTO events (at, type, message)
            SELECT $4, $5, 'Fleet ' || fleets.name || ': ' || number || ' held withdrawals are approved (' || $2 || ').'
                   || $6
            FROM fleets, counted WHERE id = $1 AND number > 0
        )
        SELECT number FROM counted
        """;

    private static readonly Problem Missing = Problems.InvalidField.With(
        "heldUntil is missing.", "Send heldUntil as GET /v1/fleets/{fleet}/withdrawals shows it.") with
    {
        Errors = [new FieldProblem("heldUntil", Problems.InvalidField.Code, "Must be given.")],
    };

    public static async Task<Results<Ok<ApprovedWithdrawals>, Problem>> HandleAsync(
        [Description("The fleet, by id or name.")] string fleet,
        WithdrawalApproval body,
        ControlPlaneDb db,
        NpgsqlDataSource database,
        IDesiredStatePublisher publisher,
        TimeProvider time,
        CancellationToken ct)
    {
        if (GivenReason.Refuse(body.Reason) is { } refusal)
        {
            return refusal;
        }

        if (body.HeldUntil is not { } heldUntil)
        {
            return Missing;
        }

        if (await FleetReference.FindAsync(db, fleet, ct) is not { Id: var id })
        {
            return FleetReference.NotFound();
        }

        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        // In turn with the publisher: it decides on a whole batch, before or after this.
        await PublishBatch.TurnAsync(connection, id, ct);
        var now = time.GetUtcNow();
        var approval = Guid.CreateVersion7(now);
        await using var command = new NpgsqlCommand(Sql, connection)
        {
            Parameters =
            {
                new() { Value = id },
                new() { Value = approval.ToString() },
                new() { Value = heldUntil.ToUniversalTime() },
                new() { Value = now },
                new() { Value = EventTypes.WithdrawalsApproved },
                new() { Value = string.IsNullOrWhiteSpace(body.Reason) ? "" : $" {body.Reason.Trim()}" },
            },
        };
        var approved = (int)(await command.ExecuteScalarAsync(ct))!;
        await transaction.CommitAsync(ct);
        if (approved > 0)
        {
            publisher.Wake();
        }

        return TypedResults.Ok(new ApprovedWithdrawals(approved > 0 ? approval : null, approved));
    }
}
