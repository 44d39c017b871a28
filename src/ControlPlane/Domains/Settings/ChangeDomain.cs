using ControlPlane.Database;
using ControlPlane.Domains.Bundles;
using ControlPlane.Domains.Reading;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.Conditions;
using ControlPlane.Http.OpenApi;
using ControlPlane.Nodes;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Settings;

/// <summary>
/// PATCH /v1/domains/{id}: changes what its portal sets, as a JSON Merge Patch (RFC 7396). It takes no Idempotency-Key:
/// a repeat finds nothing left to change, tells no event and gives the nodes nothing to do.
/// </summary>
internal static class ChangeDomain
{
    private const string MergePatch = "application/merge-patch+json";

    public static void Map(RouteGroupBuilder domains) => domains.MapPatch("{id:guid}", HandleAsync)
        .Accepts<ChangeDomainRequest>("application/json", MergePatch)
        .Validate<ChangeDomainRequest>()
        .WithMetadata(new HonoursConditions())
        .RequireAuthorization(AccessPolicy.Owner)
        .WithName("ChangeDomain").WithSummary("Change a domain's settings")
        .Documented(
            "A JSON Merge Patch (RFC 7396): what is left out stays, `null` takes an entry away or puts a setting back "
            + "to its default. Another `tls.minimumVersion` reaches the nodes within seconds, without a new "
            + "certificate. Another `certificateAuthority` is where the next order goes, and one that is not placed "
            + "yet; what is served is served on. With `If-Match`, of two who change the domain at the same time one "
            + "wins and the other is told. Repeat it without fear: a change that is made already changes nothing.",
            Problems.InvalidField, Problems.MalformedRequest, Problems.NotFound, Problems.DomainDeleted)
        .Example(
            new ChangeDomainRequest
            {
                Metadata = new Dictionary<string, string?> { ["customer"] = "4711", ["trial"] = null },
                Tls = new TlsChange { MinimumVersion = "1.3" },
            },
            Examples.Active)
        .Produces<DomainView>();

    /// <summary>Goes on when the caller hangs up: what is half done here would be a surprise.</summary>
    private static async Task<IResult> HandleAsync(
        Guid id, ChangeDomainRequest body, Caller caller, HttpContext context, ControlPlaneDb db, DomainViews views,
        [FromServices] IDesiredStatePublisher publisher, TimeProvider time)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        if (await db.LockAsync(id, caller) is not { } domain)
        {
            return Problems.NotFound.With("There is no such domain.");
        }

        if (domain.Status is DomainStatus.Deleting or DomainStatus.Deleted)
        {
            return Problems.DomainDeleted.With($"{domain.Hostname} is {domain.Status.ToString().ToLowerInvariant()}.");
        }

        var metadata = body.Merge(domain.Metadata);
        if (metadata.Count > Metadata.MostEntries)
        {
            return Problems.InvalidField.With(Metadata.Rule) with
            {
                Errors = [new FieldProblem("metadata", Problems.InvalidField.Code, Metadata.Rule)],
            };
        }

        if (await views.PreconditionAsync(context, domain) is { } refusal)
        {
            return refusal;
        }

        var tls = body.Merge(domain.TlsMinimum);
        var ca = body.GivesCertificateAuthority ? body.CertificateAuthority : domain.CertificateAuthority;
        var policy = tls != domain.TlsMinimum;
        string[] changed =
        [
            .. Metadata.Write(metadata) != Metadata.Write(domain.Metadata) ? ["metadata"] : Array.Empty<string>(),
            .. policy ? ["tls.minimumVersion"] : Array.Empty<string>(),
            .. ca != domain.CertificateAuthority ? ["certificateAuthority"] : Array.Empty<string>(),
        ];
        (domain.Metadata, domain.TlsMinimum, domain.CertificateAuthority) = (metadata, tls, ca);
        if (changed.Length > 0)
        {
            var now = time.NowStored();
            await TellAsync(db, domain, changed, now);
            await db.SaveChangesAsync(CancellationToken.None);
            if (policy)
            {
                await DesiredChanges.RenewAsync(db, domain, now, CancellationToken.None);
            }
        }

        var view = await views.OneAsync(domain, CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        if (policy)
        {
            publisher.Wake();
        }

        context.Response.Headers.ETag = DomainTag.Of(view);
        return TypedResults.Ok(view);
    }

    /// <summary>What changed, and not to what: metadata may say more of a customer than events are read for.</summary>
    private static async Task TellAsync(ControlPlaneDb db, Domain domain, string[] changed, DateTimeOffset now)
    {
        var order = await db.Orders.AsNoTracking().Where(row => row.DomainId == domain.Id)
            .OrderByDescending(row => row.Sequence).FirstOrDefaultAsync(CancellationToken.None);
        var reason = DomainFacts.ReasonOf(domain, order);
        db.Add(new DomainEvent
        {
            At = now,
            TenantId = domain.TenantId,
            DomainId = domain.Id,
            Type = EventTypes.DomainUpdated,
            Message = $"Changed: {string.Join(", ", changed)}.",
            Data = new EventDetails(
                domain.Hostname, domain.Status, reason?.Code, reason?.WaitingOn ?? WaitingOn.None, changed),
        });
    }
}
