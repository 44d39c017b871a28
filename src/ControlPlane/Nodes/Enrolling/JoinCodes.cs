using System.Buffers.Text;
using System.Security.Cryptography;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http;
using ControlPlane.Nodes.Fleets;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace ControlPlane.Nodes.Enrolling;

/// <summary>Asks for a join code.</summary>
/// <param name="Fleet">The fleet to join, by name or id; the configured fleet when left out.</param>
/// <param name="ExpiresInMinutes">1 to 1440; 60 when left out.</param>
internal sealed record CreateJoinCode(string? Fleet = null, int? ExpiresInMinutes = null);

/// <summary>A join code, shown this once.</summary>
/// <param name="Code">256 random bits, base64url. Only its hash is kept.</param>
/// <param name="Fleet">Name of the fleet it opens.</param>
/// <param name="ExpiresAt">End of its life, UTC, if it is not used before.</param>
internal sealed record CreatedJoinCode(string Code, string Fleet, DateTimeOffset ExpiresAt)
{
    /// <summary>Prints no join code.</summary>
    public override string ToString() => $"join code for {Fleet} until {ExpiresAt:u}";
}

/// <summary>POST /v1/nodes/join-codes, and the form of a code.</summary>
internal static class JoinCodes
{
    private const int CodeBytes = 32;
    private const int DefaultMinutes = 60;
    private const int MaxMinutes = 24 * 60;

    public static async Task<Results<Created<CreatedJoinCode>, Problem>> HandleAsync(
        CreateJoinCode request, ControlPlaneDb db,
        IOptions<FleetOptions> options, TimeProvider time, CancellationToken ct)
    {
        var minutes = request.ExpiresInMinutes ?? DefaultMinutes;
        if (minutes is < 1 or > MaxMinutes)
        {
            return Problems.InvalidField.With() with
            {
                Errors =
                    [new FieldProblem("expiresInMinutes", "invalid", $"expiresInMinutes must be 1 to {MaxMinutes}.")],
            };
        }

        var name = request.Fleet ?? options.Value.Name;
        if (await FleetReference.FindAsync(db, name, ct) is not { } fleet)
        {
            return Problems.InvalidField.With() with
            {
                Errors = [new FieldProblem("fleet", "unknown", "There is no fleet of this name or id.")],
            };
        }

        var code = NewCode();
        var now = time.GetUtcNow();
        var row = new JoinCode
        {
            CodeHash = SHA256.HashData(code),
            FleetId = fleet.Id,
            CreatedAt = now,
            ExpiresAt = now.AddMinutes(minutes),
        };
        db.JoinCodes.Add(row);
        await db.SaveChangesAsync(ct);
        var answer = new CreatedJoinCode(Base64Url.EncodeToString(code), fleet.Name, row.ExpiresAt);
        return TypedResults.Created((string?)null, answer);
    }

    /// <summary>256 random bits: what a code is before it is written.</summary>
    public static byte[] NewCode() => RandomNumberGenerator.GetBytes(CodeBytes);

    /// <summary>The hash under which a code is kept; null when the text cannot be a code.</summary>
    public static byte[]? Hash(string code)
    {
        Span<byte> bytes = stackalloc byte[CodeBytes];
        return code.Length <= 2 * CodeBytes && Base64Url.IsValid(code, out var length) && length == CodeBytes
            && Base64Url.TryDecodeFromChars(code, bytes, out _)
            ? SHA256.HashData(bytes)
            : null;
    }
}
