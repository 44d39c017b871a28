using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;

namespace ControlPlane.SupportConsole;

/// <summary>
/// Answers with a page: a Razor component, drawn once on the server within the <see cref="Shell"/>. Everything that it
/// writes is encoded unless it says otherwise, and none does. Razor makes its components public and nothing of ours is,
/// so that what a page shows travels as an object (<see cref="Drawn"/>).
/// </summary>
/// <param name="title">Of the window.</param>
/// <param name="model">What the component shows.</param>
internal sealed class HtmlPage<TPage>(string title, object model) : IResult
    where TPage : Drawn
{
    public int Status { get; init; } = StatusCodes.Status200OK;

    /// <summary>Seconds after which the page may look again by itself; null: it stays as it is.</summary>
    public int? LiveSeconds { get; init; }

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var services = httpContext.RequestServices;
        var time = services.GetRequiredService<TimeProvider>();
        var html = await DrawAsync(httpContext, time.GetUtcNow().ToUniversalTime());
        var response = httpContext.Response;
        var tag = HtmlPage.TagOf(html);
        response.StatusCode = Status;
        response.Headers.ETag = tag;
        if (httpContext.Features.Get<RequestStart>() is { } start)
        {
            var took = time.GetElapsedTime(start.Timestamp).TotalMilliseconds;
            response.Headers["Server-Timing"] = string.Create(CultureInfo.InvariantCulture, $"page;dur={took:0.0}");
        }

        if (Status == StatusCodes.Status200OK && httpContext.Request.Headers.IfNoneMatch == tag)
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        response.ContentType = "text/html; charset=utf-8";
        await response.Body.WriteAsync(Encoding.UTF8.GetBytes(html), httpContext.RequestAborted);
    }

    private async Task<string> DrawAsync(HttpContext context, DateTimeOffset now)
    {
        await using var renderer = new HtmlRenderer(
            context.RequestServices, context.RequestServices.GetRequiredService<ILoggerFactory>());
        var parameters = ParameterView.FromDictionary(new Dictionary<string, object?>
        {
            [nameof(Shell.Title)] = title,
            [nameof(Shell.Page)] = typeof(TPage),
            [nameof(Shell.Of)] = model,
            [nameof(Shell.Now)] = now,
            [nameof(Shell.Path)] = context.Request.Path.Value,
            [nameof(Shell.Role)] = Caller.Find(context.User)?.Role.ToString().ToLowerInvariant(),
            [nameof(Shell.LiveSeconds)] = LiveSeconds,
        });
        return await renderer.Dispatcher.InvokeAsync(async () =>
            (await renderer.RenderComponentAsync<Shell>(parameters)).ToHtmlString());
    }
}

/// <summary>What pages share.</summary>
internal static class HtmlPage
{
    private const string LiveHeader = "X-Console-Live";
    private const string TimeElement = "<time ";
    private const string TimeEnd = "</time>";

    /// <summary>Asked for by the page itself, and not by a person.</summary>
    public static bool IsLive(HttpRequest request) => request.Headers.ContainsKey(LiveHeader);

    /// <summary>Two pages that differ in nothing but how long ago things were are the same: the script counts that by
    /// itself, from the time that stands beside.</summary>
    public static string TagOf(string html)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var rest = html.AsSpan(html.IndexOf("<main", StringComparison.Ordinal));
        while (rest.IndexOf(TimeElement, StringComparison.Ordinal) is >= 0 and var start)
        {
            var text = rest[start..].IndexOf('>') + start;
            var end = rest[text..].IndexOf(TimeEnd, StringComparison.Ordinal) + text;
            hash.AppendData(Encoding.UTF8.GetBytes(rest[..text].ToArray()));
            rest = rest[end..];
        }

        hash.AppendData(Encoding.UTF8.GetBytes(rest.ToArray()));
        return $"\"{Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16))}\"";
    }
}
