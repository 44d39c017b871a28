using ControlPlane.Metrics;

namespace ControlPlane.Http;

/// <summary>Times every request by its route's template, so that no name or id becomes a label.</summary>
internal sealed class RequestTiming(RequestDelegate next, TimeProvider time)
{
    public async Task InvokeAsync(HttpContext context)
    {
        var started = time.GetTimestamp();
        context.Features.Set(new RequestStart(started));
        try
        {
            await next(context);
        }
        finally
        {
            var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText?.TrimEnd('/') ?? "none";
            Instruments.Request(route, context.Response.StatusCode, time.GetElapsedTime(started));
        }
    }
}

/// <summary>When a request came, as a time stamp of the clock.</summary>
internal sealed record RequestStart(long Timestamp);
