using System.Security.Cryptography;

namespace ControlPlane.Contracts;

/// <summary>A new node introduces itself with a one-time join code. The private halves of its keys never leave
/// it.</summary>
/// <param name="JoinCode">The one-time code an admin made; 256 bits, base64url.</param>
/// <param name="Name">The node's name within its fleet: 1–63 of a–z, 0–9 and hyphen.</param>
/// <param name="SigningKey">Public P-256 key (SubjectPublicKeyInfo DER) that will sign the node's tokens.</param>
/// <param name="SealingKey">Public P-256 key (SubjectPublicKeyInfo DER) that bundles are sealed for.</param>
/// <param name="HttpEndpoint">Address and port (<c>192.0.2.7:80</c>) at which the control plane reaches this node's
/// port 80, to fetch validation tokens back before it asks the CA to.</param>
/// <param name="AgentVersion">Version of the agent's program.</param>
public sealed record EnrolRequest(
    string JoinCode,
    string Name,
    byte[] SigningKey,
    byte[] SealingKey,
    string HttpEndpoint,
    string AgentVersion)
{
    /// <summary>Prints no join code.</summary>
    public override string ToString() => $"enrolment of {Name} at {HttpEndpoint}";
}

/// <summary>Who the node is from now on.</summary>
/// <param name="Node">The node's id: the <c>sub</c> of its tokens.</param>
/// <param name="Fleet">The id of its fleet.</param>
/// <param name="FleetName">The fleet's name, for people.</param>
public sealed record EnrolResponse(Guid Node, Guid Fleet, string FleetName);

/// <summary>How a node's keys are named.</summary>
public static class NodeKeys
{
    /// <summary>Names a public key: the first 32 lower-case hexadecimal digits of the SHA-256 of its DER.</summary>
    /// <param name="subjectPublicKeyInfo">The key as SubjectPublicKeyInfo DER.</param>
    public static string IdOf(ReadOnlySpan<byte> subjectPublicKeyInfo)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(subjectPublicKeyInfo, digest);
        return Convert.ToHexStringLower(digest[..16]);
    }
}
