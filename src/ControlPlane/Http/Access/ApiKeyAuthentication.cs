using System.Text.Encodings.Web;
using ControlPlane.Database;
using Microsoft.AspNetCore.Authentication;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace ControlPlane.Http.Access;

/// <summary>
/// Finds the key whose hash was presented. The look-up is by hash, so that its time tells nothing about a key; every
/// failure gets the same answer, because why a key is refused is not the concern of someone who has none. Nothing is
/// cached: a key that is revoked on one replica is refused by all from the next request on.
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

    private bool _tenantDisabled;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (AccessSetup.BearerToken(Request) is not { } token || ApiKeySecret.Parse(token) is not { } secret)
        {
            return AuthenticateResult.NoResult();
        }

        var hash = secret.Hash;
        var now = time.GetUtcNow().ToUniversalTime();
        var found = await db.ApiKeys.AsNoTracking().Where(row => row.SecretHash == hash)
            .Select(row => new
            {
                Key = row,
                Disabled = db.Tenants.Any(tenant => tenant.Id == row.TenantId && tenant.DisabledAt != null),
            })
            .SingleOrDefaultAsync(Context.RequestAborted);
        if (found is null || !found.Key.IsLive(now))
        {
            return AuthenticateResult.Fail("No such key.");
        }

        if (found.Disabled)
        {
            _tenantDisabled = true;
            return AuthenticateResult.Fail("The key's tenant is disabled.");
        }

        var key = found.Key;
        await NoteUseAsync(key, now);
        var caller = new Caller(key.Id, key.Role, key.TenantId, key.RequestsPerSecond);
        return AuthenticateResult.Success(new AuthenticationTicket(caller.ToPrincipal(Scheme.Name), Scheme.Name));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        // Told to the holder of a good key only: another key would not help, so that it is no 401.
        if (_tenantDisabled)
        {
            return Problems.TenantDisabled.With().ExecuteAsync(Context);
        }

        Response.Headers.WWWAuthenticate = "Bearer";
        return Problems.NotAuthenticated.With().ExecuteAsync(Context);
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        Problems.NotAllowed.With().ExecuteAsync(Context);

    private async Task NoteUseAsync(ApiKey key, DateTimeOffset now)
    {
        var stale = now - UseResolution;
        if (key.LastUsedAt is null || key.LastUsedAt < stale)
        {
            await db.ApiKeys.Where(row => row.Id == key.Id && (row.LastUsedAt == null || row.LastUsedAt < stale))
                .ExecuteUpdateAsync(set => set.SetProperty(row => row.LastUsedAt, now), Context.RequestAborted);
        }
    }
}
