using System.Security.Cryptography;
using System.Text;
using CertCentralSandbox.Faults;

namespace CertCentralSandbox.Web;

/// <summary>
/// What every API call passes, in this order: maintenance, key, quota, body; and after the handler: the faults that
/// lose or spoil an answer whose change is already kept. Calls are counted for /sandbox/stats, whatever becomes of
/// them.
/// </summary>
internal sealed partial class Gate(
    FaultBoard faults, RateLimit quota, Statistics statistics, SandboxOptions options, ILogger<Gate> log) : IMiddleware
{
    public const string KeyHeader = "X-DC-DEVKEY";

    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var route = RouteName.Of(context);
        try
        {
            if (await RefusalAsync(context, route) is { } refusal)
            {
                await refusal.ExecuteAsync(context);
            }
            else
            {
                await next(context);
            }
        }
        catch (BadHttpRequestException e)
        {
            await new ApiError(e.StatusCode, "bad_request_format", "The request could not be read.")
                .ExecuteAsync(context);
        }
        catch (Exception e) when (!context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            Failed(log, route, e);
            await ApiError.Internal.ExecuteAsync(context);
        }
        finally
        {
            var lost = context.Features.Get<Committed>() is { AnswerLost: true };
            statistics.Count(route, lost ? Statistics.LostAnswer : context.Response.StatusCode);
        }
    }

    private async Task<ApiError?> RefusalAsync(HttpContext http, string route)
    {
        if (faults.Fires(Fault.Maintenance, route: route))
        {
            return ApiError.Unavailable;
        }

        if (!IsKey(http.Request.Headers[KeyHeader].ToString()))
        {
            return ApiError.BadKey(faults.Fires(Fault.BadKeyIs401, route: route));
        }

        if (faults.Fires(Fault.RateLimitBurst, out var burst, route: route))
        {
            if (burst.Value > 0)
            {
                http.Response.Headers.RetryAfter = ((int)burst.Value).ToString();
            }

            return ApiError.TooManyCalls;
        }

        if (options.RateLimit && !quota.Take())
        {
            return ApiError.TooManyCalls;
        }

        if (await Form.ReadAsync(http.Request, http.RequestAborted) is not { } form)
        {
            return ApiError.Unreadable;
        }

        http.Features.Set(form);
        return null;
    }

    private bool IsKey(string given) => CryptographicOperations.FixedTimeEquals(
        SHA256.HashData(Encoding.UTF8.GetBytes(given)), SHA256.HashData(Encoding.UTF8.GetBytes(options.ApiKey)));

    [LoggerMessage(Level = LogLevel.Error, Message = "{Route} failed")]
    private static partial void Failed(ILogger log, string route, Exception e);
}

/// <summary>Loses or spoils the answer of a handler that has marked its change as kept.</summary>
internal sealed class AnswerLoss(FaultBoard faults) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var answer = await next(context);
        var http = context.HttpContext;
        if (http.Features.Get<Committed>() is not { } committed)
        {
            return answer;
        }

        var route = RouteName.Of(http);
        if (faults.Fires(Fault.LostAnswer, committed.Names, route))
        {
            committed.AnswerLost = true;
            http.Abort();
            return Results.Empty;
        }

        return faults.Fires(Fault.ErrorAfterCommit, committed.Names, route) ? ApiError.Internal : answer;
    }
}
