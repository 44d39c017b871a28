using System.Security.Cryptography;
using System.Text;
using ControlPlane.Database;
using ControlPlane.Http.Access;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Http.Idempotency;

/// <summary>
/// The first answer to an Idempotency-Key is the answer to every repeat of the same request. The key is claimed by
/// inserting its row before the route runs; whoever finds it claimed and unanswered is told to come back.
/// </summary>
internal sealed class IdempotencyMiddleware(RequestDelegate next, TimeProvider time)
{
    public const string Header = "Idempotency-Key";
    public const string ReplayedHeader = "Idempotency-Replayed";

    /// <summary>A claim without an answer after this time belongs to a process that died: longer than any request takes
    /// (two statements of at most 30 s).</summary>
    private static readonly TimeSpan Abandoned = TimeSpan.FromSeconds(90);

    public async Task InvokeAsync(HttpContext context, IDbContextFactory<ControlPlaneDb> databases)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<HonoursIdempotencyKey>() is null
            || !context.Request.Headers.TryGetValue(Header, out var given))
        {
            await next(context);
            return;
        }

        var key = given.ToString();
        if (key.Length is 0 or > 200 || key.Any(c => c is < '!' or > '~'))
        {
            await Problems.MalformedRequest.With($"{Header} must be 1 to 200 visible ASCII characters.")
                .ExecuteAsync(context);
            return;
        }

        var caller = Caller.Of(context.User);
        var hash = await HashAsync(context.Request, context.RequestAborted);
        await using var db = await databases.CreateDbContextAsync(CancellationToken.None);
        if (await ClaimAsync(db, caller.KeyId, key, hash))
        {
            await AnswerAsync(context, db, new IdempotentRequest(caller.KeyId, key));
        }
        else
        {
            await ReplayAsync(context, db, caller.KeyId, key, hash);
        }
    }

    private async Task<bool> ClaimAsync(ControlPlaneDb db, Guid apiKey, string key, byte[] hash)
    {
        var now = time.GetUtcNow().ToUniversalTime();
        var abandoned = now - Abandoned;
        return await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO idempotency_keys (api_key_id, key, request_hash, created_at)
            VALUES ({apiKey}, {key}, {hash}, {now})
            ON CONFLICT (api_key_id, key) DO UPDATE SET created_at = excluded.created_at
            WHERE idempotency_keys.status IS NULL AND idempotency_keys.created_at < {abandoned}
                AND idempotency_keys.request_hash = excluded.request_hash
            """,
            CancellationToken.None) == 1;
    }

    /// <summary>Runs the route with its answer held back until it is recorded.</summary>
    private async Task AnswerAsync(HttpContext context, ControlPlaneDb db, IdempotentRequest request)
    {
        context.Features.Set(request);
        var wire = context.Response.Body;
        using var held = new MemoryStream();
        context.Response.Body = held;
        try
        {
            await next(context);
        }
        catch
        {
            context.Response.Body = wire;
            await request.ForgetAsync(db);
            throw;
        }

        context.Response.Body = wire;
        // An answer that says "come back" is not the last word: the repeat it asks for must reach the route.
        if (context.Response.StatusCode >= 500 || context.Response.Headers.RetryAfter.Count > 0)
        {
            await request.ForgetAsync(db);
        }
        else if (!request.Recorded)
        {
            await request.SaveAsync(
                db, context.Response.StatusCode,
                context.Response.Headers.Location.ToString() is { Length: > 0 } at ? at : null,
                Encoding.UTF8.GetString(held.ToArray()));
        }

        held.Position = 0;
        await held.CopyToAsync(wire, context.RequestAborted);
    }

    private static async Task ReplayAsync(HttpContext context, ControlPlaneDb db, Guid apiKey, string key, byte[] hash)
    {
        var first = await db.IdempotencyKeys.AsNoTracking()
            .SingleOrDefaultAsync(row => row.ApiKeyId == apiKey && row.Key == key, context.RequestAborted);
        if (first is not null && !first.RequestHash.AsSpan().SequenceEqual(hash))
        {
            await Problems.IdempotencyKeyReused.With().ExecuteAsync(context);
            return;
        }

        if (first?.Status is not { } status)
        {
            await (Problems.IdempotencyInProgress.With() with { RetryAfterSeconds = 1 }).ExecuteAsync(context);
            return;
        }

        var response = context.Response;
        response.StatusCode = status;
        response.Headers[ReplayedHeader] = "true";
        response.ContentType = status >= 400 ? ProblemBody.ContentType : "application/json; charset=utf-8";
        if (first.Location is not null)
        {
            response.Headers.Location = first.Location;
        }

        await response.WriteAsync(first.Body ?? "", context.RequestAborted);
    }

    /// <summary>SHA-256 over method, path, query and body, each ended by a zero byte that none of them can
    /// hold.</summary>
    private static async Task<byte[]> HashAsync(HttpRequest request, CancellationToken ct)
    {
        // The route's body limit holds here too: what does not fit is refused while it is read. Kept in memory.
        var most = (int)(request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize
            ?? Limits.MaxBodyBytes);
        request.EnableBuffering(most, most);
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, ct);
        request.Body.Position = 0;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{request.Method}\0{request.Path}\0{request.QueryString}\0"));
        hash.AppendData(body.GetBuffer().AsSpan(0, (int)body.Length));
        return hash.GetHashAndReset();
    }
}
