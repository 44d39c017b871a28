using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Domains.Bundles;

namespace ControlPlane.Domains.Revoking;

/// <summary>What a CA's answer, or its lack, means for a revocation; written with the event that tells of it.</summary>
internal static class RevocationAnswers
{
    /// <summary>The CA answered.</summary>
    public static void Record(
        ControlPlaneDb db, CertificateRevocation row, Bundle certificate, Domain domain, string ca,
        RevocationAnswer answer, DateTimeOffset now)
    {
        switch (answer.Standing)
        {
            case RevocationStanding.Revoked:
                row.End(RevocationState.Revoked, null);
                row.RevokedAt = now;
                Tell(
                    db, certificate, domain, EventTypes.CertificateRevoked,
                    $"Certificate {certificate.Serial} is revoked at {ca} ({row.Reason}).", now);
                break;
            case RevocationStanding.AwaitingApproval when row.State != RevocationState.AwaitingApproval:
                (row.State, row.CaRequest, row.Detail) = (RevocationState.AwaitingApproval, answer.Request, null);
                row.NextAttemptAt = now + RevocationSchedule.Approval;
                Tell(
                    db, certificate, domain, EventTypes.RevocationAwaitsApproval,
                    $"{ca} revokes certificate {certificate.Serial} once somebody of the account has approved request "
                    + $"{answer.Request}.",
                    now);
                break;
            case RevocationStanding.Rejected:
                Fail(db, row, certificate, domain, $"Request {row.CaRequest} was rejected in the account at {ca}.",
                    now);
                break;
            case RevocationStanding.AwaitingApproval:
                row.Detail = null;
                break;
        }
    }

    /// <summary>The CA did not answer, or refused.</summary>
    public static void Record(
        ControlPlaneDb db, CertificateRevocation row, Bundle certificate, Domain domain, string ca,
        CertificateAuthorityException fault, DateTimeOffset now)
    {
        row.Detail = fault.Message;
        if (fault.Failure == CaFailure.NoBudget)
        {
            // Nobody is at fault: it costs no attempt.
            row.Attempts -= row.State == RevocationState.Sending ? 1 : 0;
            row.NextAttemptAt = now + Longer(fault.RetryAfter, RevocationSchedule.NoBudget);
        }
        else if (row.State == RevocationState.Sending && row.Attempts > RevocationSchedule.AfterFault.Count)
        {
            Fail(db, row, certificate, domain, $"{ca} did not revoke it within a day: {fault.Message}", now);
        }
        else if (fault.RetryAfter is { } asked)
        {
            row.NextAttemptAt = now + Longer(row.NextAttemptAt - now, asked);
        }
    }

    private static void Fail(
        ControlPlaneDb db, CertificateRevocation row, Bundle certificate, Domain domain, string detail,
        DateTimeOffset now)
    {
        row.End(RevocationState.Failed, detail);
        Tell(
            db, certificate, domain, EventTypes.RevocationFailed,
            $"Certificate {certificate.Serial} is not revoked. {detail}", now);
    }

    private static TimeSpan Longer(TimeSpan? one, TimeSpan other) => one > other ? one.Value : other;

    private static void Tell(
        ControlPlaneDb db, Bundle certificate, Domain domain, string type, string message, DateTimeOffset now) =>
        db.Add(new DomainEvent
        {
            At = now,
            TenantId = domain.TenantId,
            DomainId = domain.Id,
            OrderId = certificate.OrderId,
            Type = type,
            Message = message,
        });
}
