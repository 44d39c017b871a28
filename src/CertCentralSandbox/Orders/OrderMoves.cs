namespace CertCentralSandbox.Orders;

/// <summary>The moves an order can make: pure functions from one snapshot to the next.</summary>
internal static class OrderMoves
{
    /// <summary>DigiCert revokes predecessors within 72 h when a reissue changes or drops one of their names.</summary>
    public static readonly TimeSpan PredecessorsLive = TimeSpan.FromHours(72);

    public static CertificateOrder WithStatus(this CertificateOrder order, string status, DateTimeOffset wallNow) =>
        order.Status == status ? order : order with { Status = status, DateStatusChanged = wallNow };

    /// <summary>Replaces the awaited certificate by its issued form and closes the validation.</summary>
    public static CertificateOrder Issue(
        this CertificateOrder order, IssuedCertificate issued, DateTimeOffset wallNow, DateTimeOffset now)
    {
        var awaited = order.Awaited!;
        var kept = order.Certificates.Take(order.Certificates.Count - 1).ToList();
        var namesDropped = awaited.Purpose == RequestType.Reissue
            && kept.Exists(c => c.DateRevoked is null && c.DnsNames.Except(awaited.DnsNames).Any());
        return (order with
        {
            Certificates = [.. kept, awaited with { Issued = issued }],
            Validation = null,
            RevokePredecessorsAt = namesDropped ? now + PredecessorsLive : order.RevokePredecessorsAt,
        }).WithStatus(OrderStatus.Issued, wallNow);
    }

    /// <summary>Adds a reissue or duplicate that waits for its own control validation.</summary>
    public static CertificateOrder Ask(
        this CertificateOrder order,
        OrderedCertificate certificate,
        OrderRequest request,
        ControlValidation validation,
        DateTimeOffset wallNow)
    {
        var asked = order with
        {
            Certificates = [.. order.Certificates, certificate],
            Requests = [.. order.Requests, request],
            Validation = validation,
        };
        return certificate.Purpose == RequestType.Reissue
            ? asked.WithStatus(OrderStatus.ReissuePending, wallNow)
            : asked;
    }

    /// <summary>Answers a request. An approved order starts its validation then, not when it was placed.</summary>
    public static CertificateOrder Decide(
        this CertificateOrder order, long requestId, string decision, DateTimeOffset wallNow, DateTimeOffset now)
    {
        var request = order.Requests.Single(r => r.Id == requestId);
        var decided = order with
        {
            Requests = [.. order.Requests.Select(r => r.Id == requestId ? r with { Status = decision } : r)],
        };
        return (request.Type, decision) switch
        {
            (RequestType.Revoke, RequestStatus.Approved) =>
                decided.Revoke(request.CertificateId, request.RevocationReason ?? "unspecified", wallNow),
            (RequestType.Revoke, _) => decided,
            (_, RequestStatus.Approved) when decided.Status == OrderStatus.NeedsApproval =>
                (decided with { Validation = decided.Validation! with { StartedAt = now } })
                .WithStatus(OrderStatus.Pending, wallNow),
            (RequestType.New, RequestStatus.Rejected) =>
                (decided with { Validation = null }).WithStatus(OrderStatus.Rejected, wallNow),
            (_, RequestStatus.Rejected) => decided.DropAwaited(wallNow),
            _ => decided,
        };
    }

    /// <summary>Cancels: a pending order ends, a pending reissue falls back to the issued certificate.</summary>
    public static CertificateOrder Cancel(this CertificateOrder order, DateTimeOffset wallNow)
    {
        var rejected = order with
        {
            Requests =
            [
                .. order.Requests.Select(r =>
                    r.CertificateId == order.Awaited?.Id && r.Type != RequestType.Revoke
                        ? r with { Status = RequestStatus.Rejected }
                        : r),
            ],
        };
        return order.Status == OrderStatus.ReissuePending
            ? rejected.DropAwaited(wallNow)
            : (rejected with { Validation = null }).WithStatus(OrderStatus.Canceled, wallNow);
    }

    /// <summary>Revokes one certificate, or with null the whole order. Revoking the only certificate keeps the order
    /// active and re-issuable.</summary>
    public static CertificateOrder Revoke(
        this CertificateOrder order, long? certificateId, string reason, DateTimeOffset wallNow)
    {
        var revoked = order with
        {
            Certificates =
            [
                .. order.Certificates.Select(c =>
                    (certificateId is null || c.Id == certificateId) && c is { Issued: not null, DateRevoked: null }
                        ? c with { DateRevoked = wallNow, RevocationReason = reason }
                        : c),
            ],
        };
        return certificateId is null ? revoked.WithStatus(OrderStatus.Revoked, wallNow) : revoked;
    }

    /// <summary>Has these certificates revoked at a moment, or earlier if that was announced before.</summary>
    public static CertificateOrder Announce(
        this CertificateOrder order, IReadOnlySet<long> certificates, DateTimeOffset revokeAt) => order with
        {
            Certificates =
            [
                .. order.Certificates.Select(c => certificates.Contains(c.Id) && !(c.RevokeAt <= revokeAt)
                    ? c with { RevokeAt = revokeAt }
                    : c),
            ],
        };

    /// <summary>Carries out the revocations that are due: of everything before the active certificate after a dropped
    /// name, and of what was announced.</summary>
    public static CertificateOrder RevokeDue(this CertificateOrder order, DateTimeOffset wallNow, DateTimeOffset now)
    {
        var before = order.RevokePredecessorsAt <= now ? order.Active!.Id : 0;
        var due = order.Certificates
            .Where(c => (c.Id < before || c.RevokeAt <= now) && c is { Issued: not null, DateRevoked: null });
        return due.Aggregate(
            order with { RevokePredecessorsAt = before == 0 ? order.RevokePredecessorsAt : null },
            (current, certificate) => current.Revoke(certificate.Id, "superseded", wallNow));
    }

    private static CertificateOrder DropAwaited(this CertificateOrder order, DateTimeOffset wallNow) =>
        (order with
        {
            Certificates = [.. order.Certificates.Where(c => c.Issued is not null)],
            Validation = null,
        }).WithStatus(OrderStatus.Issued, wallNow);
}
