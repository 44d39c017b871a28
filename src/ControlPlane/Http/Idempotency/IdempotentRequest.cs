using System.Text.Json;
using ControlPlane.Database;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Http.Idempotency;

/// <summary>
/// The request under way, when it carries an Idempotency-Key. A route that changes something records its answer here,
/// in the transaction of the change: were it recorded afterwards, a crash in between would lose the first result.
/// </summary>
internal sealed class IdempotentRequest(Guid apiKey, string key)
{
    /// <summary>True once the answer is recorded; the middleware then has nothing left to do.</summary>
    public bool Recorded { get; private set; }

    /// <summary>Records the answer of the request under way, if it carries a key. Call it inside the
    /// transaction.</summary>
    public static async Task RecordAsync(
        HttpContext context, ControlPlaneDb db, int status, string location, object body)
    {
        if (context.Features.Get<IdempotentRequest>() is not { } request)
        {
            return;
        }

        var options = context.RequestServices.GetRequiredService<IOptions<JsonOptions>>().Value.SerializerOptions;
        await request.SaveAsync(db, status, location, JsonSerializer.Serialize(body, options));
    }

    /// <summary>Records an answer. Not bound to the caller's patience: a lost answer is what this is for.</summary>
    public async Task SaveAsync(ControlPlaneDb db, int status, string? location, string body)
    {
        await db.IdempotencyKeys.Where(row => row.ApiKeyId == apiKey && row.Key == key).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.Status, status).SetProperty(row => row.Location, location)
                .SetProperty(row => row.Body, body),
            CancellationToken.None);
        Recorded = true;
    }

    /// <summary>Frees the key: the request failed in a way that a repeat may mend.</summary>
    public Task ForgetAsync(ControlPlaneDb db) => db.IdempotencyKeys
        .Where(row => row.ApiKeyId == apiKey && row.Key == key && row.Status == null)
        .ExecuteDeleteAsync(CancellationToken.None);
}

/// <summary>Marks a route that honours Idempotency-Key.</summary>
internal sealed class HonoursIdempotencyKey;
