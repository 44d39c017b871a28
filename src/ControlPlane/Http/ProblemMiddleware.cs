using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Http;

/// <summary>
/// Gives every error a problem body: an answer without one (routing's 404, a refused key), a body that cannot be read,
/// a database that is away, and a surprise. What a surprise says goes to the log only.
/// </summary>
internal sealed partial class ProblemMiddleware(RequestDelegate next, ILogger<ProblemMiddleware> log)
{
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The caller has gone; there is nobody to answer.
            context.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
            return;
        }
        catch (Exception thrown) when (!context.Response.HasStarted)
        {
            var problem = Explain(thrown);
            if (problem.Kind == Problems.Unexpected)
            {
                LogSurprise(thrown, context.Request.Method, context.GetEndpoint()?.DisplayName ?? "no route");
            }
            else if (problem.Kind == Problems.Unavailable)
            {
                LogUnavailable(thrown.Message);
            }

            context.Response.Clear();
            SecurityHeaders.Set(context);
            await problem.ExecuteAsync(context);
            return;
        }

        var response = context.Response;
        if (response.StatusCode >= 400 && !response.HasStarted
            && response.ContentType is null && response.ContentLength is null)
        {
            await Problems.OfStatus(response.StatusCode).With().ExecuteAsync(context);
        }
    }

    private static Problem Explain(Exception thrown) => thrown switch
    {
        BadHttpRequestException { InnerException: JsonException json } => ExplainJson(json),
        BadHttpRequestException { StatusCode: 400, Message: var message } when message.Contains("from body")
            || message.Contains("no body was provided") =>
            Problems.MalformedJson.With("The body is missing."),
        BadHttpRequestException { StatusCode: 400, Message: var message }
            when message.StartsWith("Failed to bind parameter") =>
                Problems.MalformedRequest.With($"The parameter {NameIn(message)} has a value of the wrong kind."),
        BadHttpRequestException bad => Problems.OfStatus(bad.StatusCode).With(),
        DbUpdateException { InnerException: NpgsqlException { IsTransient: true } } => Away,
        NpgsqlException { IsTransient: true } => Away,
        InvalidOperationException { InnerException: NpgsqlException { IsTransient: true } } => Away,
        PostgresException { SqlState: PostgresErrorCodes.CharacterNotInRepertoire } => NoText,
        DbUpdateException
        {
            InnerException: PostgresException { SqlState: PostgresErrorCodes.CharacterNotInRepertoire },
        } => NoText,
        _ => Problems.Unexpected.With(),
    };

    /// <summary>A zero character is legal in JSON and in a query, and in no text of the database.</summary>
    private static Problem NoText =>
        Problems.MalformedRequest.With("The request holds a character that no field can hold, such as U+0000.");

    /// <summary>The last word of the first that is quoted: <c>… parameter "Nullable&lt;Guid&gt; cursor" from …</c>.
    /// </summary>
    private static string NameIn(string message) => message.Split('"') is [_, var quoted, ..]
        ? quoted[(quoted.LastIndexOf(' ') + 1)..]
        : "of the path or the query";

    private static Problem Away => Problems.Unavailable.With() with { RetryAfterSeconds = 5 };

    /// <summary>The serializer's own messages name our types; only place and kind are passed on.</summary>
    public static Problem ExplainJson(JsonException json)
    {
        var path = json.Path is null or "$" ? "the top of the body" : json.Path;
        if (json.Message.Contains("could not be mapped"))
        {
            return Problems.UnknownField.With($"Unknown field at {path}.");
        }

        if (json.Message.Contains("Duplicate"))
        {
            return Problems.MalformedJson.With($"A field is given twice at {path}.");
        }

        return json.Message.Contains("maximum configured depth") || json.Message.Contains("max depth")
            ? Problems.MalformedJson.With("The body is nested deeper than 32 levels.")
            : Problems.MalformedJson.With(
                $"The body cannot be read at {path} (line {json.LineNumber + 1}, byte {json.BytePositionInLine + 1}).");
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Route} failed unexpectedly")]
    private partial void LogSurprise(Exception thrown, string method, string route);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The database cannot be reached: {Cause}")]
    private partial void LogUnavailable(string cause);
}
