using System.Globalization;
using Npgsql;

namespace ControlPlane.Audit.Requests;

/// <summary>
/// Outside everything that turns failures into answers: writes <c>answered</c> with the status that was sent, or
/// <c>refused</c> when the request never came to its handler.
/// </summary>
internal sealed partial class AuditOutcomes(
    RequestDelegate next, AuditTrail trail, RefusalCount refusals, ILogger<AuditOutcomes> log)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var outcome = "aborted";
        try
        {
            await next(context);
            outcome = context.Response.StatusCode.ToString(CultureInfo.InvariantCulture);
        }
        finally
        {
            try
            {
                await WriteAsync(context, outcome);
            }
            catch (NpgsqlException away)
            {
                // The request is over and cannot be taken back. Its asked stands, and says that it was begun.
                LogLost(away, AuditedRoutes.OperationOf(context), outcome);
            }
        }
    }

    private async Task WriteAsync(HttpContext context, string outcome)
    {
        var refused = context.Response.StatusCode is >= 400 and < 500;
        if (context.Features.Get<AuditedRequest>() is { } request)
        {
            var note = request.Note with
            {
                Phase = AuditPhase.Answered,
                Outcome = outcome,
                // What was made has an address of its own.
                Target = context.Response.Headers.Location.ToString() is { Length: > 0 } made
                    ? made
                    : request.Note.Target,
            };
            if (request.IsWritten || !refused)
            {
                await trail.WriteAsync(CancellationToken.None, note);
            }
        }
        else if (refused && AuditedRoutes.Covers(context))
        {
            var note = AuditRequests.NoteOf(context, AuditPhase.Refused, outcome);
            if (refusals.IsFirst(note))
            {
                await trail.WriteAsync(CancellationToken.None, note);
            }
        }
    }

    [LoggerMessage(
        Level = LogLevel.Error, Message = "The trail could not be told that {Operation} ended with {Outcome}")]
    private partial void LogLost(Exception away, string operation, string outcome);
}
