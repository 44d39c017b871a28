using CertCentralSandbox.Web;

namespace CertCentralSandbox.Webhooks;

/// <summary>Setting up the account's webhook. The ownership challenge of the real one is answered, never
/// sent.</summary>
internal static class WebhookRoutes
{
    private const int ShortestSecret = 32;

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapPost("/webhook", (Form body, WebhookBook book) => Save(body, 1234, book, 201));
        api.MapPut("/webhook", (Form body, WebhookBook book) =>
            book.Current is { } current ? Save(body, current.Id, book, 200) : ApiError.NotFound("webhook"));
        api.MapGet("/webhook", (WebhookBook book) =>
            book.Current is { } current ? Json.Ok(View(current)) : ApiError.NotFound("webhook"));
        api.MapPost("/webhook/test-endpoint", (Form body) =>
            EndpointOf(body) is null ? BadEndpoint : Results.NoContent());
        api.MapPut("/webhook/{id:long}/send-challenge", (long id, WebhookBook book) => Known(id, book));
        api.MapPut("/webhook/{id:long}/check-challenge", (long id, WebhookBook book) => Known(id, book));
        api.MapPut("/webhook/{id:long}/activate", (long id, WebhookBook book) => Switch(id, book, active: true));
        api.MapPut("/webhook/{id:long}/deactivate", (long id, WebhookBook book) => Switch(id, book, active: false));
        api.MapGet("/webhook/event-logs", (WebhookBook book) => Json.Ok(new { EventLogs = book.Log }));
    }

    private static ApiError BadEndpoint => ApiError.Invalid("invalid_endpoint", "endpoint must be a URL."); // invented

    private static IResult Save(Form body, long id, WebhookBook book, int status)
    {
        if (EndpointOf(body) is not { } endpoint)
        {
            return BadEndpoint;
        }

        if (body.Text("secret") is not { Length: >= ShortestSecret } secret)
        {
            return ApiError.Invalid("invalid_secret", "secret must have at least 32 characters."); // code invented
        }

        book.Set(new Webhook(id, endpoint, secret, body.Texts("events"), book.Current?.Active ?? false));
        return Json.Ok(new { WebhookId = id }, status);
    }

    /// <summary>The real API takes public https only; a stand-in on loopback takes http as well.</summary>
    private static string? EndpointOf(Form body) =>
        Uri.TryCreate(body.Text("endpoint"), UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http"
            ? uri.ToString()
            : null;

    private static IResult Known(long id, WebhookBook book) =>
        book.Current?.Id == id ? Results.NoContent() : ApiError.NotFound("webhook");

    private static IResult Switch(long id, WebhookBook book, bool active)
    {
        if (book.Current is not { } current || current.Id != id)
        {
            return ApiError.NotFound("webhook");
        }

        book.Set(current with { Active = active });
        return Results.NoContent();
    }

    private static object View(Webhook w) =>
        new { WebhookId = w.Id, w.Endpoint, w.Events, Status = w.Active ? "active" : "inactive" };
}
