namespace CertCentralSandbox.Orders;

/// <summary>Order states that CertCentral documents and this sandbox reaches.</summary>
internal static class OrderStatus
{
    /// <summary>Waits for control validation.</summary>
    public const string Pending = "pending";

    /// <summary>Waits for an approver, because skip_approval was not set. Validation starts after the
    /// approval.</summary>
    public const string NeedsApproval = "needs_approval";

    public const string Issued = "issued";

    /// <summary>A reissue waits for validation; the earlier certificate stays valid.</summary>
    public const string ReissuePending = "reissue_pending";

    public const string Revoked = "revoked";
    public const string Rejected = "rejected";
    public const string Canceled = "canceled";
}

/// <summary>Kinds of entries in <c>requests[]</c>.</summary>
internal static class RequestType
{
    public const string New = "new_request";
    public const string Reissue = "reissue";
    public const string Duplicate = "duplicate";
    public const string Revoke = "revoke";
}

/// <summary>States of a request.</summary>
internal static class RequestStatus
{
    public const string Pending = "pending";
    public const string Approved = "approved";
    public const string Rejected = "rejected";
}
