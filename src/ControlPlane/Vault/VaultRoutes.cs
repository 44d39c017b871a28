using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using ControlPlane.Vault.Rewrapping;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ControlPlane.Vault;

/// <summary>Every route of the vault. None of them shows a key; all of them show which keys there are.</summary>
internal static class VaultRoutes
{
    private static readonly VaultView Example = new(
        "file:9f86d081884c7d65",
        [
            new KeyEncryptionKeyView("file:9f86d081884c7d65", true, true, 21, 0, 2, 2, false),
            new KeyEncryptionKeyView("file:3f79bb7b435b0532", true, false, 4, 1, 2, 0, false),
        ],
        2,
        new RewrapView("file:9f86d081884c7d65", Examples.At, null, 25, 21, 0, []));

    public static void MapVault(this IEndpointRouteBuilder app)
    {
        var vault = app.MapGroup("/v1/vault").WithTags("Vault").RequireAuthorization(AccessPolicy.Admin);
        vault.MapGet("", async (VaultStatus status, CancellationToken ct) =>
                TypedResults.Ok(await status.ReadAsync(ct)))
            .WithName("ReadVault").WithSummary("Read the vault's key-encryption keys")
            .Documented(
                "Which key-encryption keys this replica holds and rows need, how far a rewrap is, what failed and "
                + "why; and how many live replicas hold each key and seal under it. Remove a key from the settings "
                + "only when it is `safeToRemove`.")
            .Example(null, Example);
        vault.MapPost("/rewrap", RewrapAsync)
            .WithName("RewrapVault").WithSummary("Bring every key under the current key-encryption key")
            .Documented(
                "Begins a rewrap, or goes on with the one that is open and tries at once what had failed. It runs in "
                + "the background; *Read the vault's key-encryption keys* shows its progress. First give every "
                + "replica the new key: while a live one lacks it, nothing is begun, because it could not open what "
                + "was moved.",
                VaultProblems.NoKeyHere, VaultProblems.KeyNotEverywhere)
            .Example(null, Example);
    }

    private static async Task<Results<Accepted<VaultView>, Problem>> RewrapAsync(
        Rewrapper rewrapper, KeyRing ring, VaultStatus status, CancellationToken ct)
    {
        if (!ring.IsOpen)
        {
            return VaultProblems.NoKeyHere.With();
        }

        if (await rewrapper.StartAsync(ct) is { } refusal)
        {
            return VaultProblems.KeyNotEverywhere.With(refusal);
        }

        return TypedResults.Accepted("/v1/vault", await status.ReadAsync(ct));
    }
}
