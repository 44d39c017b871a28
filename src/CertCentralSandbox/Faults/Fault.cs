namespace CertCentralSandbox.Faults;

/// <summary>Everything that can be made to go wrong, and every guess about CertCentral that can be made
/// otherwise.</summary>
internal enum Fault
{
    LostAnswer,
    ErrorAfterCommit,
    SlowIssue,
    StuckPending,
    LateSelfIssue,
    WrongPem,
    OversizedChain,
    Maintenance,
    RateLimitBurst,
    HtmlErrors,
    ErrorsAsObject,
    FailingPerspectives,
    FlappingToken,
    EmptyStatusChanges,
    UnknownStatus,
    DuplicateAlternativeIds,
    AlternateLag,
    AlternateEmptyList,
    BadKeyIs401,
    HttpsFirst,
    FiveRedirects,
    TokenMayBeContained,
    ValidityRefused,
    CanceledCheckIs404,
    RevocationsNeedApproval,
}

/// <summary>How a fault is set.</summary>
/// <param name="On">Whether it happens at all.</param>
/// <param name="Count">Only the next this many times; null means until switched off.</param>
/// <param name="Probability">Chance of each occasion, 0–1, rolled with the seed.</param>
/// <param name="HostnameSuffix">Only for orders with a name that ends so; occasions without an order are
/// spared.</param>
/// <param name="Route">Only where the route ("POST /order/certificate/{product}") contains this text.</param>
/// <param name="Value">The number the fault needs; its meaning and unit stand in the fault's documentation.</param>
/// <param name="Text">The text the fault needs.</param>
internal sealed record FaultSetting(
    bool On = false,
    int? Count = null,
    double Probability = 1,
    string? HostnameSuffix = null,
    string? Route = null,
    double Value = 0,
    string? Text = null);

/// <summary>A fault with its documentation and default: this table is the manual.</summary>
internal sealed record FaultSwitch(Fault Fault, string About, FaultSetting Default)
{
    public static readonly IReadOnlyList<FaultSwitch> All =
    [
        new(Fault.LostAnswer,
            "A placed order, reissue, duplicate, cancel or revocation is kept, then the connection is cut without an "
            + "answer. `route` chooses where; by default only where orders are placed.",
            new(Route: "POST /order/certificate/{product}")),
        new(Fault.ErrorAfterCommit,
            "As lostAnswer, but the answer is a 500.",
            new(Route: "POST /order/certificate/{product}")),
        new(Fault.SlowIssue,
            "A good check is followed by `pending`; the certificate comes `value` seconds (sandbox clock) later.",
            new(Value: 30)),
        new(Fault.StuckPending, "A good check is followed by `pending` for ever.", new()),
        new(Fault.LateSelfIssue,
            "check-dcv says file_random_value_not_found although the file was seen; the order issues by itself `value` "
            + "seconds (sandbox clock) later, when the client may have given up.",
            new(Value: 60)),
        new(Fault.WrongPem, "Downloads and chain give a leaf with the right names and another key.", new()),
        new(Fault.OversizedChain,
            "Downloads and chain carry needless CA certificates up to `value` bytes of PEM.",
            new(Value: 20_000)),
        new(Fault.Maintenance,
            "503 `Service is unavailable`. Real windows are weekend nights; here until switched off or counted down.",
            new()),
        new(Fault.RateLimitBurst,
            "429 request_limit_exceeded whatever the quota. `value` > 0 adds Retry-After with that many seconds; "
            + "CertCentral documents no such header.",
            new()),
        new(Fault.HtmlErrors, "Bodies of 5xx answers are HTML.", new()),
        new(Fault.ErrorsAsObject, "`errors` is one object, as an old answer had it, not an array.", new()),
        new(Fault.FailingPerspectives, "The first `value` perspectives never reach the host.", new(Value: 1)),
        new(Fault.FlappingToken, "The token is not seen although it is there.", new(Probability: 0.5)),
        new(Fault.EmptyStatusChanges, "status-changes answers `{}` although orders changed.", new()),
        new(Fault.UnknownStatus,
            "Order answers carry the undocumented status `text`.",
            new(Text: "awaiting_review")),
        new(Fault.DuplicateAlternativeIds,
            "One POST makes two live orders with the same alternative id (the second is not answered).",
            new()),
        new(Fault.AlternateLag,
            "The look-up by alternative id does not see orders younger than `value` seconds (wall clock).",
            new(Value: 20)),
        new(Fault.AlternateEmptyList,
            "A look-up that finds nothing answers 200 with an empty list, not 404. Both are handled by known clients.",
            new()),
        new(Fault.BadKeyIs401, "A bad API key gets 401. Default is 403; the real number is not documented.", new()),
        new(Fault.HttpsFirst, "The token is fetched over https first, then http. Default is http only.", new()),
        new(Fault.FiveRedirects, "Five redirects are followed. Default is one, as older documentation says.", new()),
        new(Fault.TokenMayBeContained,
            "A file that contains the value passes. Default: it must equal it after trimming.",
            new()),
        new(Fault.ValidityRefused,
            "A validity over 199 days is refused. Default: it is cut to 199 days.",
            new()),
        new(Fault.CanceledCheckIs404,
            "check-dcv on a canceled or rejected order answers 404. Default: 400 invalid_status.",
            new()),
        new(Fault.RevocationsNeedApproval,
            "A revocation makes a request that somebody must approve (PUT /request/{id}/status), though it asked for "
            + "skip_approval: as with the key of a user who is no administrator.",
            new()),
    ];
}
