using System.ComponentModel;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http;
using ControlPlane.Jobs;
using ControlPlane.Nodes.Publishing;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ControlPlane.Nodes.Fleets;

/// <summary>Why a rollout is paused.</summary>
/// <param name="Reason">For people, at most 500 characters; domains that wait show it.</param>
internal sealed record PauseRollout(string? Reason = null);

/// <summary>How changes go out.</summary>
/// <param name="Canaries">Nodes that see a change first, 0 to 100; 0 shows it to all at once.</param>
internal sealed record ChangeRollout(int? Canaries);

/// <summary>POST /v1/fleets/{fleet}/rollout/pause and /resume, and PUT /v1/fleets/{fleet}/rollout. Repeating one
/// changes nothing. Domains that wait are looked at anew, so that each shows at once what it waits for.</summary>
internal static class SteerRollout
{
    public static async Task<Results<Ok<FleetView>, Problem>> PauseAsync(
        [Description("Id or name.")] string fleet, PauseRollout? body, [AsParameters] ReadFleets.Tools tools,
        [AsParameters] Wakers wakers)
    {
        if (GivenReason.Refuse(body?.Reason) is { } refusal)
        {
            return refusal;
        }

        var reason = body?.Reason?.Trim() is { Length: > 0 } given ? given : "Paused by an operator.";
        return await RunAsync(fleet, tools, wakers, (rollout, now) => rollout.State == RolloutState.Paused
            ? Task.CompletedTask
            : rollout.MoveAsync(RolloutState.Paused, reason, EventTypes.RolloutPaused, now, CancellationToken.None));
    }

    public static Task<Results<Ok<FleetView>, Problem>> ResumeAsync(
        [Description("Id or name.")] string fleet, [AsParameters] ReadFleets.Tools tools,
        [AsParameters] Wakers wakers) =>
        RunAsync(fleet, tools, wakers, async (rollout, now) =>
        {
            if (rollout.State != RolloutState.Running)
            {
                await rollout.MoveAsync(
                    RolloutState.Running, null, EventTypes.RolloutResumed, now, CancellationToken.None);
                await rollout.CountAnewAsync(now, CancellationToken.None);
            }

            await ReleaseAsync(rollout, rollout.Canaries, now);
        });

    public static Task<Results<Ok<FleetView>, Problem>> ChangeAsync(
        [Description("Id or name.")] string fleet, ChangeRollout body, [AsParameters] ReadFleets.Tools tools,
        [AsParameters] Wakers wakers) =>
        body.Canaries is not (>= 0 and <= CreateFleet.MostCanaries)
            ? Task.FromResult<Results<Ok<FleetView>, Problem>>(
                Refuse("canaries", $"must be 0 to {CreateFleet.MostCanaries}."))
            : RunAsync(fleet, tools, wakers, async (rollout, now) =>
            {
                await rollout.SetCanariesAsync(body.Canaries.Value, CancellationToken.None);
                if (rollout.State == RolloutState.Running)
                {
                    await ReleaseAsync(rollout, body.Canaries.Value, now);
                }
            });

    /// <summary>Without canaries what was held goes out at once; with them the next step decides.</summary>
    private static Task ReleaseAsync(FleetRollout rollout, int canaries, DateTimeOffset now) =>
        canaries == 0 && rollout.Released < rollout.Revision
            ? rollout.ReleaseAsync(rollout.Revision, now, CancellationToken.None)
            : Task.CompletedTask;

    /// <summary>Goes on when the caller hangs up: who stops a rollout must not have to wonder whether it
    /// stands.</summary>
    private static async Task<Results<Ok<FleetView>, Problem>> RunAsync(
        string reference, ReadFleets.Tools tools, Wakers wakers, Func<FleetRollout, DateTimeOffset, Task> change)
    {
        if (await FleetReference.FindAsync(tools.Db, reference, CancellationToken.None) is not { } found)
        {
            return FleetReference.NotFound();
        }

        await using (var connection = await tools.Database.OpenConnectionAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            var now = tools.Time.NowStored();
            await change(await FleetRollout.LockAsync(connection, found.Id, CancellationToken.None), now);
            var due = await DueOrders.OfFleetAsync(connection, found.Id, now, CancellationToken.None);
            await transaction.CommitAsync();
            wakers.Waiters.Wake(found.Id);
            wakers.Steps.Wake();
            foreach (var state in due)
            {
                wakers.Wakes.Wake(state);
            }
        }

        return TypedResults.Ok(await ReadFleets.ViewAsync(tools, found.Id, CancellationToken.None));
    }

    private static Problem Refuse(string field, string rule) => Problems.InvalidField.With($"{field} {rule}") with
    {
        Errors = [new FieldProblem(field, Problems.InvalidField.Code, $"{field} {rule}")],
    };

    /// <summary>Who is told after the commit; bound by the framework (<see cref="AsParametersAttribute"/>).</summary>
    internal readonly record struct Wakers(DesiredStateWaiters Waiters, RolloutSteps Steps, IWakes Wakes);
}
