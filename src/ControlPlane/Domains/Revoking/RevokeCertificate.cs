using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Domains.Bundles;
using ControlPlane.Domains.Reading;
using ControlPlane.Http;
using ControlPlane.Http.Access;
using ControlPlane.Http.OpenApi;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains.Revoking;

/// <summary>
/// POST /v1/domains/{id}/revoke: leaves word that a certificate is to be revoked; <see cref="RevocationSweep"/> does
/// it. Asking again changes nothing, makes an <c>after-replacement</c> a <c>now</c>, or has a failed one tried again.
/// </summary>
internal static class RevokeCertificate
{
    private static readonly RevocationView Revocation = new(
        Examples.Certificate.Id, Examples.Certificate.Serial, RevocationState.Sending, RevocationReason.KeyCompromise,
        RevokeRequest.Now, Examples.At, Examples.At, null, null, null, null);

    public static void Map(RouteGroupBuilder domains) => domains.MapPost("{id:guid}/revoke", HandleAsync)
        .Validate<RevokeRequest>()
        .RequireAuthorization(AccessPolicy.Owner)
        .WithName("RevokeCertificate").WithSummary("Revoke a certificate")
        .Documented(
            "Has a certificate of the domain revoked at its CA. With `after-replacement` a successor is ordered, and "
            + "the certificate is revoked once every serving node has proven that one: visitors notice nothing. With "
            + "`now` it is revoked within seconds and its successor ordered right after; until that is rolled out, "
            + "nodes go on with the revoked certificate, which some visitors refuse, and no node is given it any more. "
            + "A key in other hands is `keyCompromise`, for which `now` is the default. A certificate that nobody is "
            + $"served with is revoked at once. The CA is asked again {RevocationSchedule.InWords}. Follow "
            + "`revocation` in `/v1/domains/{id}/certificates`; asking again is harmless.",
            Problems.InvalidField, Problems.MalformedRequest, Problems.NotFound, Problems.DomainNotServed)
        .Example(new RevokeRequest("keyCompromise", RevokeRequest.Now, Examples.Certificate.Serial), Revocation)
        .Produces<RevocationView>(StatusCodes.Status202Accepted);

    /// <summary>Goes on when the caller hangs up: who revokes must not have to wonder whether it came to
    /// pass.</summary>
    private static async Task<IResult> HandleAsync(
        Guid id, RevokeRequest body, Caller caller, ControlPlaneDb db, TimeProvider time)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        if (await db.LockAsync(id, caller) is not { } domain)
        {
            return Problems.NotFound.With("There is no such domain.");
        }

        if (await FindAsync(db, domain, body.Serial) is not { } bundle)
        {
            return body.Serial is null
                ? Problems.DomainNotServed.With("Say with serial which of its earlier certificates is meant.")
                : WrongSerial("The domain never had a certificate of this serial.");
        }

        var now = time.NowStored();
        var row = await db.Revocations.SingleOrDefaultAsync(
            known => known.BundleId == bundle.Id, CancellationToken.None);
        if (row?.State != RevocationState.Revoked && bundle.NotAfter <= now)
        {
            return WrongSerial("The certificate has ended: there is nothing left to revoke.");
        }

        if (row is null)
        {
            row = New(bundle, body, now);
            db.Add(row);
            db.Add(Told(domain, bundle, row, now));
        }
        else if (Renew(row, body, now))
        {
            db.Add(Told(domain, bundle, row, now));
        }

        await db.SaveChangesAsync(CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        return TypedResults.Accepted($"/v1/domains/{id}/certificates", RevocationView.Of(row, bundle.Serial));
    }

    private static Problem WrongSerial(string detail) => Problems.InvalidField.With(detail) with
    {
        Errors = [new FieldProblem("serial", Problems.InvalidField.Code, detail)],
    };

    private static Task<Bundle?> FindAsync(ControlPlaneDb db, Domain domain, string? serial)
    {
        var bundles = db.Bundles.AsNoTracking().Where(row => row.DomainId == domain.Id);
        var wanted = serial?.ToUpperInvariant().TrimStart('0');
        return (wanted is null
            ? bundles.Where(row => row.Id == domain.ActiveBundleId)
            : bundles.Where(row => row.Serial.TrimStart('0') == wanted))
            .OrderByDescending(row => row.CreatedAt).FirstOrDefaultAsync(CancellationToken.None);
    }

    private static CertificateRevocation New(Bundle bundle, RevokeRequest body, DateTimeOffset now)
    {
        var row = new CertificateRevocation
        {
            BundleId = bundle.Id,
            DomainId = bundle.DomainId,
            Reason = body.Why(),
            AtOnce = body.IsAtOnce(),
            State = RevocationState.WaitingForReplacement,
            RequestedAt = now,
        };
        if (row.AtOnce)
        {
            row.Send(now);
        }

        return row;
    }

    /// <summary>False when it asks for nothing new.</summary>
    private static bool Renew(CertificateRevocation row, RevokeRequest body, DateTimeOffset now)
    {
        var isUrged = row.State == RevocationState.WaitingForReplacement && body.IsAtOnce();
        if (!isUrged && row.State != RevocationState.Failed)
        {
            return false;
        }

        (row.Reason, row.AtOnce) = (body.Why(), row.AtOnce || body.IsAtOnce());
        row.Send(now);
        return true;
    }

    private static DomainEvent Told(Domain domain, Bundle bundle, CertificateRevocation row, DateTimeOffset now) =>
        new()
        {
            At = now,
            TenantId = domain.TenantId,
            DomainId = domain.Id,
            OrderId = bundle.OrderId,
            Type = EventTypes.RevocationRequested,
            Message = $"Certificate {bundle.Serial} is to be revoked ({row.Reason}), "
                + (row.AtOnce ? "at once." : "once every serving node has proven its successor, which is ordered."),
        };
}
