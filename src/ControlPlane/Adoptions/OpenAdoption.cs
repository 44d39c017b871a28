using System.Buffers.Text;
using System.Security.Cryptography;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Enrolling;
using ControlPlane.Nodes.Fleets;
using ControlPlane.Vault;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace ControlPlane.Adoptions;

/// <summary>Opens an adoption.</summary>
/// <param name="Fleet">The fleet whose nodes hold the certificates, by name or id; the configured fleet when left
/// out.</param>
/// <param name="ExpiresInMinutes">1 to 1440; 60 when left out.</param>
internal sealed record OpenAdoptionRequest(string? Fleet = null, int? ExpiresInMinutes = null);

/// <summary>An open adoption. Its code is shown this once.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Code">256 random bits, base64url, for one node. Only its hash is kept.</param>
/// <param name="Fleet">Name of the fleet.</param>
/// <param name="ExpiresAt">From then on nothing can be handed in.</param>
internal sealed record OpenedAdoption(Guid Id, string Code, string Fleet, DateTimeOffset ExpiresAt)
{
    /// <summary>Prints no code.</summary>
    public override string ToString() => $"adoption for {Fleet} until {ExpiresAt:u}";
}

/// <summary>POST /v1/adoptions. The key that nodes seal to is made here and rests in the vault, so that only a replica
/// that opens the vault can do this.</summary>
internal static class OpenAdoption
{
    private const int DefaultMinutes = 60;
    private const int MaxMinutes = 24 * 60;

    public static async Task<Results<Created<OpenedAdoption>, Problem>> HandleAsync(
        OpenAdoptionRequest body, ControlPlaneDb db, IVault vault, KeyRing ring, IOptions<FleetOptions> options,
        TimeProvider time, CancellationToken ct)
    {
        var minutes = body.ExpiresInMinutes ?? DefaultMinutes;
        if (minutes is < 1 or > MaxMinutes)
        {
            return Invalid("expiresInMinutes", "invalid", $"expiresInMinutes must be 1 to {MaxMinutes}.");
        }

        if (await FleetReference.FindAsync(db, body.Fleet ?? options.Value.Name, ct) is not { } fleet)
        {
            return Invalid("fleet", "unknown", "There is no fleet of this name or id.");
        }

        if (!ring.IsOpen)
        {
            return AdoptionProblems.NoVaultHere.With();
        }

        using var pair = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var publicKey = pair.ExportSubjectPublicKeyInfo();
        using var key = new PrivateKey(pair.ExportPkcs8PrivateKey(), SHA256.HashData(publicKey));
        Guid keyId;
        try
        {
            // Of no domain and no order. Killed right after this, the key is an orphan and is collected.
            keyId = await vault.SealAsync(key, Guid.Empty, Guid.Empty, ct);
        }
        catch (VaultException)
        {
            return NodeProblems.VaultAway.With() with { RetryAfterSeconds = 5 };
        }

        var now = time.NowStored();
        var code = JoinCodes.NewCode();
        var adoption = new Adoption
        {
            Id = Guid.CreateVersion7(now),
            FleetId = fleet.Id,
            CodeHash = SHA256.HashData(code),
            KeyId = keyId,
            PublicKey = publicKey,
            CreatedAt = now,
            ExpiresAt = now.AddMinutes(minutes),
        };
        db.Adoptions.Add(adoption);
        await db.SaveChangesAsync(ct);
        return TypedResults.Created(
            $"/v1/adoptions/{adoption.Id}",
            new OpenedAdoption(adoption.Id, Base64Url.EncodeToString(code), fleet.Name, adoption.ExpiresAt));
    }

    private static Problem Invalid(string field, string reason, string detail) => Problems.InvalidField.With(detail)
        with
    { Errors = [new FieldProblem(field, reason, detail)] };
}
