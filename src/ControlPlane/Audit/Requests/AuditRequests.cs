using System.Diagnostics;
using ControlPlane.Http.Access;

namespace ControlPlane.Audit.Requests;

/// <summary>
/// Inside access and limits, in front of the handler: writes <c>asked</c>, durably. A request whose entry cannot be
/// written is not carried out.
/// </summary>
internal sealed class AuditRequests(RequestDelegate next, AuditTrail trail, RefusalCount refusals)
{
    public async Task InvokeAsync(HttpContext context)
    {
        if (AuditedRoutes.Covers(context))
        {
            var note = NoteOf(context, AuditPhase.Asked, null);
            // Whoever has no key must not be able to fill the disk. What succeeds is written in any case.
            var asked = note.Actor.Kind != AuditActorKind.Anonymous || refusals.IsFirst(note);
            if (asked)
            {
                await trail.WriteAsync(CancellationToken.None, note);
            }

            context.Features.Set(new AuditedRequest(note, asked));
        }

        await next(context);
    }

    public static AuditNote NoteOf(HttpContext context, AuditPhase phase, string? outcome) => new(
        phase,
        ActorOf(context),
        AuditedRoutes.OperationOf(context),
        context.Request.Path.Value,
        context.Connection.RemoteIpAddress?.ToString(),
        Activity.Current?.TraceId.ToString() ?? context.TraceIdentifier,
        outcome);

    private static AuditActor ActorOf(HttpContext context)
    {
        var user = context.User;
        if (user.Identity is not { IsAuthenticated: true })
        {
            return AuditActor.Anonymous;
        }

        return Caller.Find(user) is { } caller
            ? new AuditActor(
                AuditActorKind.Key, caller.KeyId, Role: caller.Role.ToString().ToLowerInvariant(),
                TenantId: caller.TenantId)
            : new AuditActor(AuditActorKind.Node, Guid.Parse(user.FindFirst("sub")!.Value));
    }
}

/// <summary>A request that has come to its handler.</summary>
/// <param name="Note">Its <c>asked</c>.</param>
/// <param name="IsWritten">False when it was only counted.</param>
internal sealed record AuditedRequest(AuditNote Note, bool IsWritten);
