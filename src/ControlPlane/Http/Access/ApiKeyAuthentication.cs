using System.Text.Encodings.Web;
using ControlPlane.Database;
using Microsoft.AspNetCore.Authentication;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Http.Access;

/// <summary>
/// Finds the key whose hash was presented. The look-up is by hash, so that its time tells nothing about a key; every
/// failure gets the same answer, because why a key is refused is not the concern of someone who has none.
/// </summary>
internal sealed class ApiKeyAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory loggers,
    UrlEncoder encoder,
    ControlPlaneDb db,
    TimeProvider time) : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    /// <summary>One write a minute and key is enough to tell which keys are in use.</summary>
    private static readonly TimeSpan UseResolution = TimeSpan.FromMinutes(1);

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (AccessSetup.BearerToken(Request) is not { } token || ApiKeySecret.Parse(token) is not { } secret)
        {
            return AuthenticateResult.NoResult();
        }

        var hash = secret.Hash;
        var key = await db.ApiKeys.AsNoTracking()
            .SingleOrDefaultAsync(row => row.SecretHash == hash && row.RevokedAt == null, Context.RequestAborted);
        if (key is null)
        {
            return AuthenticateResult.Fail("No such key.");
        }

        await NoteUseAsync(key);
        var caller = new Caller(key.Id, key.Role, key.TenantId);
        return AuthenticateResult.Success(new AuthenticationTicket(caller.ToPrincipal(Scheme.Name), Scheme.Name));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers.WWWAuthenticate = "Bearer";
        return Problems.NotAuthenticated.With().ExecuteAsync(Context);
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        Problems.NotAllowed.With().ExecuteAsync(Context);

    private async Task NoteUseAsync(ApiKey key)
    {
        var now = time.GetUtcNow().ToUniversalTime();
        var stale = now - UseResolution;
        if (key.LastUsedAt is null || key.LastUsedAt < stale)
        {
            await db.ApiKeys.Where(row => row.Id == key.Id && (row.LastUsedAt == null || row.LastUsedAt < stale))
                .ExecuteUpdateAsync(set => set.SetProperty(row => row.LastUsedAt, now), Context.RequestAborted);
        }
    }
}
