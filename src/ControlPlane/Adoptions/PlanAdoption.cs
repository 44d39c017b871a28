using ControlPlane.Contracts;
using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Nodes.Access;
using ControlPlane.Nodes.Enrolling;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Adoptions;

/// <summary>POST /v1/adoptions/plan: a node asks what would become of the bundles in its directory. Changes
/// nothing.</summary>
internal static class PlanAdoption
{
    public static async Task<Results<Ok<AdoptionPlanAnswer>, Problem>> HandleAsync(
        AdoptionPlanRequest body, HttpContext http, ControlPlaneDb db, TimeProvider time, CancellationToken ct)
    {
        var caller = NodeAuthentication.Caller(http);
        if (body is not { Bundles.Count: <= Routes.MaxPlannedPerCall }
            || body.Bundles.Any(one => one is not { Hostname: not null, Fingerprint: not null }))
        {
            return Problems.InvalidField.With(
                $"bundles must be there, each with hostname and fingerprint; at most {Routes.MaxPlannedPerCall}.") with
            {
                Errors = [new FieldProblem("bundles", Problems.InvalidField.Code, "Missing, too many or not whole.")],
            };
        }

        AdoptionSeal? seal = null;
        if (body.Code is not null)
        {
            if (await OpenFor(db, body.Code, caller, time.NowStored()).SingleOrDefaultAsync(ct) is not { } open)
            {
                return AdoptionProblems.NotOpen.With();
            }

            seal = new AdoptionSeal(open.Id, open.PublicKey);
        }

        var awaited = await AwaitedBundles.ReadAsync(
            db, caller.Fleet, [.. body.Bundles.Select(one => one.Hostname).Distinct()], ct);
        return TypedResults.Ok(new AdoptionPlanAnswer(
            seal, [.. body.Bundles.Select(one => awaited.Judge(one.Hostname, one.Fingerprint))]));
    }

    /// <summary>The open adoption behind a code that this node may use; none when there is none.</summary>
    public static IQueryable<Adoption> OpenFor(ControlPlaneDb db, string code, NodeIdentity caller, DateTimeOffset now)
    {
        // Whatever is not in the form of a code has the hash of none.
        var hash = JoinCodes.Hash(code) ?? [];
        return db.Adoptions.AsNoTracking().Where(row => row.CodeHash == hash && row.FleetId == caller.Fleet
            && row.ClosedAt == null && row.ExpiresAt > now && (row.NodeId == null || row.NodeId == caller.Id));
    }
}
