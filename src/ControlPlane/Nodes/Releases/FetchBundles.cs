using System.Security.Cryptography;
using ControlPlane.Contracts;
using ControlPlane.Contracts.Sealing;
using ControlPlane.Http;
using ControlPlane.Nodes.Access;
using ControlPlane.Vault;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace ControlPlane.Nodes.Releases;

/// <summary>
/// POST /v1/bundles/fetch: opens keys in the vault and seals each for the calling node alone. Only what the node's own
/// fleet wants now; recorded before the keys are opened, so that parallel requests of a node make the vault open no
/// more than the node may have.
/// </summary>
internal sealed partial class FetchBundles(
    ReleasableBundles bundles, IVault vault, IOptions<NodeOptions> options, ILogger<FetchBundles> log)
{
    /// <summary>Keys opened at once: hides the latency of a key-encryption key that is a call away.</summary>
    private const int Parallel = 8;

    /// <summary>Seconds after which a vault that was away is asked again; agents add their own jitter and
    /// backoff.</summary>
    private const int VaultRetrySeconds = 5;

    public static Task<Results<Ok<FetchBundlesResponse>, Problem>> HandleAsync(
        FetchBundlesRequest body, FetchBundles bundles, HttpContext http, CancellationToken ct) =>
        bundles.RunAsync(NodeAuthentication.Caller(http), body, ct);

    private async Task<Results<Ok<FetchBundlesResponse>, Problem>> RunAsync(
        NodeIdentity caller, FetchBundlesRequest request, CancellationToken ct)
    {
        if (request is not { Domains.Count: <= Routes.MaxBundlesPerFetch, KnownChains: not null })
        {
            return Problems.MalformedRequest.With(
                $"domains and knownChains must be there; at most {Routes.MaxBundlesPerFetch} domains at a time.");
        }

        var asked = request.Domains.Distinct().ToArray();
        if (await bundles.SealingKeyAsync(caller.Id, ct) is not { } sealing)
        {
            return NodeProblems.NodeTokenRefused.With("The node was banned or retired.");
        }

        var wanted = await bundles.ReadAsync(caller.Fleet, asked, ct);
        var perMinute = options.Value.ReleasesPerMinute;
        if (await bundles.SecondsUntilAllowedAsync(caller.Id, wanted.Count, perMinute, ct) is { } early)
        {
            return Exhausted(early);
        }

        var keys = await ReadKeysAsync(wanted, ct);
        var there = wanted.Where(bundle => keys.ContainsKey(bundle.Key)).ToArray();
        if (wanted.Count > 0 && !await OpensAsync(keys, there, ct))
        {
            return NodeProblems.VaultAway.With() with { RetryAfterSeconds = VaultRetrySeconds };
        }

        switch (await bundles.RecordAsync(
            caller.Id, sealing.Id, there.Select(bundle => bundle.Bundle).ToArray(), perMinute, ct))
        {
            case ReleaseRecord.Recorded:
                break;
            case ReleaseRecord.Refused:
                return NodeProblems.NodeTokenRefused.With("The node was banned or retired.");
            default:
                return Exhausted(1);
        }

        var released = await SealAllAsync(caller, sealing, keys, there, ct);
        var unknown = released.Select(bundle => bundle.Chain).Distinct().Except(request.KnownChains).ToArray();
        var given = released.Select(bundle => bundle.Domain).ToHashSet();
        return TypedResults.Ok(new FetchBundlesResponse(
            released,
            await bundles.ChainsAsync(unknown, ct),
            asked.Where(domain => !given.Contains(domain)).ToList()));
    }

    private static Problem Exhausted(int seconds) =>
        NodeProblems.ReleasesExhausted.With() with { RetryAfterSeconds = seconds };

    private async Task<IReadOnlyDictionary<Guid, VaultKey>> ReadKeysAsync(
        IReadOnlyList<ReleasableBundle> wanted, CancellationToken ct)
    {
        try
        {
            var keys = await vault.ReadAsync([.. wanted.Select(bundle => bundle.Key)], ct);
            foreach (var gone in wanted.Where(bundle => !keys.ContainsKey(bundle.Key)))
            {
                LogGone(gone.Key, gone.Bundle);
            }

            return keys;
        }
        catch (VaultException away)
        {
            LogAway(away);
            return new Dictionary<Guid, VaultKey>();
        }
    }

    /// <summary>Whether anything opens, looked at before anything is recorded: a vault that is away for an hour must
    /// not use up what the node may have, nor tell of releases that never were.</summary>
    private async Task<bool> OpensAsync(
        IReadOnlyDictionary<Guid, VaultKey> keys, IReadOnlyList<ReleasableBundle> there, CancellationToken ct)
    {
        foreach (var bundle in there)
        {
            try
            {
                using var key = await vault.OpenAsync(keys[bundle.Key], ct);
                return true;
            }
            catch (VaultException closed)
            {
                LogClosed(closed, bundle.Bundle);
                if (closed.IsAway)
                {
                    return false;
                }
            }
        }

        return false;
    }

    /// <summary>A key that does not open leaves its own bundle out (the agent reports it as not delivered) and no
    /// other. That its release is recorded all the same errs on the safe side.</summary>
    private async Task<List<SealedBundle>> SealAllAsync(
        NodeIdentity caller, SealingKey sealing, IReadOnlyDictionary<Guid, VaultKey> keys,
        IReadOnlyList<ReleasableBundle> wanted, CancellationToken ct)
    {
        var result = new SealedBundle?[wanted.Count];
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, Math.Min(Parallel, wanted.Count)).Select(_ => SealSomeAsync()));
        return result.OfType<SealedBundle>().ToList();

        async Task SealSomeAsync()
        {
            // One for each that seals: the framework's objects are not promised to be safe for use from several
            // threads, and to import it for every bundle costs a third of a seal.
            using var node = ECDiffieHellman.Create();
            node.ImportSubjectPublicKeyInfo(sealing.PublicKey, out _);
            using var recipient = node.PublicKey;
            for (int index; (index = Interlocked.Increment(ref next)) < wanted.Count;)
            {
                ct.ThrowIfCancellationRequested();
                var bundle = wanted[index];
                try
                {
                    using var key = await vault.OpenAsync(keys[bundle.Key], ct);
                    result[index] = Seal(caller, sealing.Id, recipient, bundle, key);
                }
                catch (VaultException closed)
                {
                    LogClosed(closed, bundle.Bundle);
                }
            }
        }
    }

    private static SealedBundle Seal(
        NodeIdentity caller, string sealingKey, ECDiffieHellmanPublicKey recipient, ReleasableBundle bundle,
        PrivateKey key)
    {
        var binding = new SealBinding(
            caller.Fleet, caller.Id, sealingKey, bundle.Domain, bundle.Bundle, bundle.Fingerprint);
        var (encapsulation, ciphertext) =
            Hpke.Seal(recipient, SealBinding.HpkeInfo, binding.ToAdditionalData(), key.Pkcs8);
        return new SealedBundle(
            bundle.Domain, bundle.Hostname, bundle.Bundle, bundle.Revision, bundle.Fingerprint, bundle.NotAfter,
            bundle.Leaf, bundle.Chain, sealingKey, encapsulation, ciphertext);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The vault could not be read; no bundle was released")]
    private partial void LogAway(Exception away);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "The vault holds no key {Key}: it was deleted; bundle {Bundle} was not released")]
    private partial void LogGone(Guid key, Guid bundle);

    [LoggerMessage(
        Level = LogLevel.Error, Message = "The key of bundle {Bundle} could not be opened; it was not released")]
    private partial void LogClosed(Exception closed, Guid bundle);
}
