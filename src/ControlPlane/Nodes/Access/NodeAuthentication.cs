using System.Globalization;
using System.Security.Claims;
using System.Text.Encodings.Web;
using ControlPlane.Contracts;
using ControlPlane.Http.Access;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;

namespace ControlPlane.Nodes.Access;

/// <summary>The scheme "Node": an agent's <see cref="NodeToken"/> in the Authorization header.</summary>
internal sealed class NodeAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory loggers,
    UrlEncoder encoder,
    NodeKeyCache keys,
    TimeProvider time) : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    private static readonly object CallerKey = new();

    private string? _refusal;

    /// <summary>The node that calls a route under the policy <see cref="AccessPolicy.Node"/>.</summary>
    public static NodeIdentity Caller(HttpContext context) => (NodeIdentity)context.Items[CallerKey]!;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (AccessSetup.BearerToken(Request) is not { } text)
        {
            return AuthenticateResult.NoResult();
        }

        if (NodeTokenCheck.Read(text) is not { } token)
        {
            return Refuse($"The token is not an ES256 JWT of type {NodeToken.Type}.");
        }

        // One sentence for unknown, banned, retired and badly signed: a stranger learns nothing about keys.
        var node = await keys.FindAsync(token.Kid, Context.RequestAborted);
        if (node is null || !NodeTokenCheck.IsSigned(token, node.SigningKey))
        {
            return Refuse("The token's key is not that of a node of ours, or the node was banned or retired.");
        }

        var target = Context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (NodeTokenCheck.Refusal(token, new NodeRequest(Request.Method, target), time.GetUtcNow()) is { } refusal)
        {
            return Refuse(refusal);
        }

        if (!NodeTokenCheck.BindsBody(token, await BufferBodyAsync()))
        {
            return Refuse("The token was made for another body.");
        }

        Context.Items[CallerKey] = node;
        var identity = new ClaimsIdentity([new Claim("sub", node.Id.ToString())], Scheme.Name);
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name));
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers[NodeToken.ServerTimeHeader] =
            time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
        Response.Headers.WWWAuthenticate = "Bearer";
        await NodeProblems.NodeTokenRefused.With(_refusal ?? "The request has no token.").ExecuteAsync(Context);
    }

    private AuthenticateResult Refuse(string why)
    {
        _refusal = why;
        return AuthenticateResult.Fail(why);
    }

    /// <summary>Reads the body whole and puts it back for the handler.</summary>
    /// <exception cref="BadHttpRequestException">413: it is larger than
    /// <see cref="Routes.MaxAgentBodyBytes"/>.</exception>
    private async Task<byte[]> BufferBodyAsync()
    {
        if (Request.ContentLength > Routes.MaxAgentBodyBytes)
        {
            throw TooLarge();
        }

        var body = new MemoryStream();
        var block = new byte[16 * 1024];
        int read;
        while ((read = await Request.Body.ReadAsync(block, Context.RequestAborted)) > 0)
        {
            // Counted here too: a chunked body declares no length, and the server's own limit is another setting.
            if (body.Length + read > Routes.MaxAgentBodyBytes)
            {
                throw TooLarge();
            }

            body.Write(block, 0, read);
        }

        body.Position = 0;
        Request.Body = body;
        return body.ToArray();
    }

    private static BadHttpRequestException TooLarge() =>
        new("The body is larger than 1 MB.", StatusCodes.Status413PayloadTooLarge);
}
