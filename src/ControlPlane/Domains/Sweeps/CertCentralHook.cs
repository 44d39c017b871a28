using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using ControlPlane.CertificateAuthorities.CertCentral;
using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Http.OpenApi;
using ControlPlane.Jobs;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Sweeps;

/// <summary>
/// POST /v1/hooks/certcentral: CertCentral's webhook says that an order has moved. The call carries a static secret and
/// no signature, so that it is a hint and nothing more: the order is looked at now instead of later, and what it then
/// becomes is read from the CA. The status poll finds whatever is never told here.
/// </summary>
internal sealed class CertCentralHook(CertCentralOptions options, EarlyLooks looks, TimeProvider time)
{
    public const string KeyHeader = "X-WEBHOOK-KEY";

    private readonly EarlyLooks _looks = looks;

    private DateTimeOffset Now => time.GetUtcNow().ToUniversalTime();

    public static void Map(WebApplication app) => app.MapPost("/v1/hooks/certcentral", HandleAsync)
        .AllowAnonymous().WithTags("Operation")
        .WithName("CertCentralHook").WithSummary("Take a hint of the CA")
        .Documented(
            $"For the webhook of a CertCentral account, with the secret in `{KeyHeader}` (setting "
            + "`CertCentral:WebhookSecret`; without it every call is refused). The order it names is read at the CA at "
            + "once; nothing that the body claims is believed.",
            Problems.MalformedJson)
        .Accepts<CaHint>("application/json")
        .Example(new CaHint("certificate_issued", new CaHint.Subject(610000123)), "")
        .Produces(StatusCodes.Status204NoContent);

    private static async Task<IResult> HandleAsync(
        HttpRequest request, CertCentralHook hook, ControlPlaneDb db, [FromServices] IWakes wakes, CancellationToken ct)
    {
        // Read whole, so that an answer never meets a caller who is still sending; parsed only for the CA.
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, ct);
        if (!hook.IsTheCa(request.Headers[KeyHeader].ToString()))
        {
            return Problems.NotAuthenticated.With($"{KeyHeader} is not the secret of our webhook.");
        }

        if (OrderOf(body.ToArray()) is not { } order)
        {
            return Problems.MalformedJson.With("A hint names the CA's order in data.order_id.");
        }

        if (hook._looks.Take(order))
        {
            await LookNowAsync(order, db, wakes, hook.Now, ct);
        }

        return TypedResults.NoContent();
    }

    /// <summary>Compared by digest, so that the time it takes tells nothing.</summary>
    private bool IsTheCa(string key) => !options.WebhookSecret.IsEmpty && CryptographicOperations.FixedTimeEquals(
        SHA256.HashData(Encoding.UTF8.GetBytes(key)),
        SHA256.HashData(Encoding.UTF8.GetBytes(options.WebhookSecret.Reveal())));

    /// <summary>The id as text, as the orders keep it; null when there is none.</summary>
    private static string? OrderOf(byte[] json)
    {
        try
        {
            using var body = JsonDocument.Parse(json);
            return body.RootElement.ValueKind == JsonValueKind.Object
                && body.RootElement.TryGetProperty("data", out var data) && data.ValueKind == JsonValueKind.Object
                && data.TryGetProperty("order_id", out var id) && id.ValueKind is JsonValueKind.Number
                && id.TryGetInt64(out var number)
                    ? number.ToString()
                    : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Only what waits for the CA; and not its word: the step reads the order itself.</summary>
    private static async Task LookNowAsync(
        string order, ControlPlaneDb db, IWakes wakes, DateTimeOffset now, CancellationToken ct)
    {
        var moved = await db.Database.ExecuteSqlAsync(
            $"""
             UPDATE orders SET nudges = nudges + 1, next_attempt_at = least(next_attempt_at, {now})
             WHERE ca = {CertCentralAuthority.TheName} AND ca_order_id = {order}
               AND state IN ('PendingValidation', 'PendingIssuance')
             """,
            ct);
        if (moved > 0)
        {
            wakes.Wake(OrderState.PendingValidation);
            wakes.Wake(OrderState.PendingIssuance);
        }
    }
}

/// <summary>What CertCentral posts; of all it says only the order's id is read.</summary>
/// <param name="Event">Such as <c>certificate_issued</c>.</param>
/// <param name="Data">What it is about.</param>
internal sealed record CaHint(string Event, CaHint.Subject Data)
{
    /// <param name="OrderId">CertCentral's id of the order.</param>
    internal sealed record Subject([property: JsonPropertyName("order_id")] long OrderId);
}
