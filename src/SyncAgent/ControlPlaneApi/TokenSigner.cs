using ControlPlane.Contracts;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace SyncAgent.ControlPlaneApi;

/// <summary>
/// A token per call, bound to method, target and body. Times are the server's as far as the agent knows it: a node
/// whose clock is off corrects by the server's time in a 401.
/// </summary>
internal sealed class TokenSigner(NodeIdentity identity, TimeProvider time)
{
    private static readonly JsonWebTokenHandler Handler = new() { SetDefaultTimesOnTokenCreation = false };

    private readonly SigningCredentials _credentials = new(
        new ECDsaSecurityKey(identity.Signing) { KeyId = identity.SigningKeyId }, SecurityAlgorithms.EcdsaSha256);

    private long _offsetTicks;

    /// <summary>What must be added to our clock to get the server's.</summary>
    public TimeSpan Offset => TimeSpan.FromTicks(Interlocked.Read(ref _offsetTicks));

    public void CorrectBy(DateTimeOffset serverTime) =>
        Interlocked.Exchange(ref _offsetTicks, (serverTime - time.GetUtcNow()).Ticks);

    public string Sign(string method, string target, ReadOnlySpan<byte> body)
    {
        var now = (time.GetUtcNow() + Offset).UtcDateTime;
        return Handler.CreateToken(new SecurityTokenDescriptor
        {
            TokenType = NodeToken.Type,
            Audience = NodeToken.Audience,
            IssuedAt = now,
            Expires = now + NodeToken.Lifetime,
            SigningCredentials = _credentials,
            Claims = new Dictionary<string, object>
            {
                [JwtRegisteredClaimNames.Sub] = identity.Card.Node.ToString(),
                [JwtRegisteredClaimNames.Jti] = Guid.NewGuid().ToString("N"),
                [NodeToken.MethodClaim] = method,
                [NodeToken.TargetClaim] = target,
                [NodeToken.BodyDigestClaim] = NodeToken.DigestOf(body),
            },
        });
    }
}
