using System.Security.Cryptography;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Contracts;
using ControlPlane.Contracts.Sealing;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http;
using ControlPlane.Jobs;
using ControlPlane.Nodes.Access;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Adoptions;

/// <summary>
/// POST /v1/adoptions/bundles: a node hands in what it serves. What is public is judged here; the private key stays
/// sealed, and goes with the rest to the order's step, which runs where the vault opens.
/// </summary>
internal static class HandInBundles
{
    /// <summary>As large as any leaf, intermediate or RSA-4096 key that HAProxy would take.</summary>
    private const int MostBytes = 12 * 1024;
    private const int MostIntermediates = 6;

    public static async Task<Results<Ok<HandInAnswer>, Problem>> HandleAsync(
        HandInRequest body, HttpContext http, ControlPlaneDb db, ChainVerifier verifier, [FromServices] IWakes wakes,
        TimeProvider time)
    {
        var caller = NodeAuthentication.Caller(http);
        if (body is not { Code: not null, Bundles.Count: <= Routes.MaxHandedInPerCall }
            || !body.Bundles.All(IsWhole) || body.Bundles.DistinctBy(one => one.Hostname).Count() < body.Bundles.Count)
        {
            return Problems.InvalidField.With(
                $"code and bundles must be there, at most {Routes.MaxHandedInPerCall}, each whole and of another "
                + "name.") with
            {
                Errors = [new FieldProblem("bundles", Problems.InvalidField.Code, "Missing, too many or not whole.")],
            };
        }

        var now = time.NowStored();
        // Goes on when the caller hangs up: whoever repeats the call must find the first result.
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        if (await PlanAdoption.OpenFor(db, body.Code, caller, now).SingleOrDefaultAsync() is not { } open
            || await TakeCodeAsync(db, open.Id, caller.Id) == 0)
        {
            return AdoptionProblems.NotOpen.With();
        }

        var awaited = await AwaitedBundles.ReadAsync(
            db, caller.Fleet, [.. body.Bundles.Select(one => one.Hostname)], CancellationToken.None);
        var answers = new List<AdoptionVerdict>();
        // In one order everywhere: two pages with the same names must not wait for each other.
        List<Guid> orders = [];
        foreach (var bundle in body.Bundles)
        {
            var answer = Judge(awaited, verifier, bundle, out var fingerprint);
            if (answer.Outcome == AdoptionOutcomes.WouldAdopt)
            {
                orders.Add(awaited.OrderOf(bundle.Hostname));
                await KeepAsync(db, orders[^1], open.Id, caller.Id, bundle, fingerprint, now);
                answer = answer with { Outcome = AdoptionOutcomes.Adopting, Detail = "It is being looked at." };
            }

            answers.Add(answer);
        }

        await NudgeAsync(db, orders, now);
        await transaction.CommitAsync(CancellationToken.None);
        wakes.Wake(OrderState.PendingDns);
        return TypedResults.Ok(new HandInAnswer(answers));
    }

    private static AdoptionVerdict Judge(
        AwaitedBundles awaited, ChainVerifier verifier, HandedBundle bundle, out string fingerprint)
    {
        fingerprint = Convert.ToHexStringLower(SHA256.HashData(bundle.Leaf));
        var verdict = awaited.Judge(bundle.Hostname, fingerprint);
        if (verdict.Outcome is not (AdoptionOutcomes.WouldAdopt or AdoptionOutcomes.Refused))
        {
            return verdict;
        }

        return verifier.AdoptionFault(bundle.Hostname, [bundle.Leaf, .. bundle.Chain]) is { } fault
            ? new AdoptionVerdict(bundle.Hostname, AdoptionOutcomes.Refused, fault)
            : new AdoptionVerdict(bundle.Hostname, AdoptionOutcomes.WouldAdopt, null);
    }

    private static bool IsWhole(HandedBundle one) => one is
    {
        Hostname: not null,
        Leaf.Length: > 0 and <= MostBytes,
        Chain.Count: <= MostIntermediates,
        Encapsulation.Length: Hpke.EncapsulationBytes,
        SealedKey.Length: > 0 and <= MostBytes,
    } && one.Chain.All(certificate => certificate is { Length: > 0 and <= MostBytes });

    /// <summary>The first node to hand something in has the code from then on.</summary>
    private static Task<int> TakeCodeAsync(ControlPlaneDb db, Guid adoption, Guid node) => db.Adoptions
        .Where(row => row.Id == adoption && (row.NodeId == null || row.NodeId == node))
        .ExecuteUpdateAsync(set => set.SetProperty(row => row.NodeId, node));

    /// <summary>What waits to be looked at stays; what was refused is replaced.</summary>
    private static Task<int> KeepAsync(
        ControlPlaneDb db, Guid order, Guid adoption, Guid node, HandedBundle bundle, string fingerprint,
        DateTimeOffset now) =>
        db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO adopted_bundles AS given (
                 order_id, adoption_id, node_id, fingerprint, leaf, intermediates, encapsulation, ciphertext,
                 handed_in_at)
             VALUES ({order}, {adoption}, {node}, {fingerprint}, {bundle.Leaf}, {bundle.Chain.ToArray()},
                     {bundle.Encapsulation}, {bundle.SealedKey}, {now})
             ON CONFLICT (order_id) DO UPDATE SET
                 adoption_id = excluded.adoption_id, node_id = excluded.node_id, fingerprint = excluded.fingerprint,
                 leaf = excluded.leaf, intermediates = excluded.intermediates, encapsulation = excluded.encapsulation,
                 ciphertext = excluded.ciphertext, handed_in_at = excluded.handed_in_at, settled_at = NULL,
                 refusal = NULL
             WHERE given.refusal IS NOT NULL
             """);

    /// <summary>A step that holds an order and is about to wait sees that there was news.</summary>
    private static Task<int> NudgeAsync(ControlPlaneDb db, List<Guid> orders, DateTimeOffset now) =>
        db.Database.ExecuteSqlAsync(
            $"""
             WITH due AS MATERIALIZED (
                 SELECT id FROM orders WHERE id = ANY ({orders}) AND state = 'PendingDns'
                 ORDER BY id FOR NO KEY UPDATE
             )
             UPDATE orders SET nudges = nudges + 1, next_attempt_at = least(next_attempt_at, {now}) FROM due
             WHERE orders.id = due.id
             """);
}
