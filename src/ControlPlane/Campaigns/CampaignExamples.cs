using ControlPlane.Campaigns.Planning;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Domains.Reading;
using ControlPlane.Http.OpenApi;

namespace ControlPlane.Campaigns;

/// <summary>The day on which a CA had to have an intermediate replaced.</summary>
internal static class CampaignExamples
{
    public static readonly CampaignRequest Request = new(
        "Example CA revokes its DV intermediate.", Examples.At.AddHours(24),
        new CampaignFilter(Issuer: "Example DV CA", ExpiresAfter: Examples.At),
        CampaignPriority.TrafficClass, new TrafficClasses("tier", ["gold", "silver"]), RevocationReason.Superseded);

    public static readonly CampaignView Planned = new()
    {
        Id = Guid.Parse("019cadc9-77a0-7b1c-8d2e-3f4a5b6c7d8e"),
        State = CampaignState.Planned,
        Reason = Request.Reason!,
        Filter = new CampaignFilterView(
            null, Request.Filter!.Issuer, null, null, null, Request.Filter.ExpiresAfter, null, null),
        Priority = Request.Priority,
        Deadline = Request.Deadline!.Value,
        RevokeAfter = Request.RevokeAfter,
        Rehearse = false,
        Plan = new CampaignPlan(
            305, 300, 0, [new LeftOut(WhyLeftOut.Left, 5)], 900, [new CaShare("certcentral", 300, 900)], 4.2, 221.7,
            Examples.At.AddSeconds(221.7), true, 0, Examples.At.AddHours(24).AddSeconds(-221.7)),
        Progress = new CampaignProgress(305, 300, 0, 0, 0, 0, 0, 5, 0, 0, []),
        Eta = null,
        Late = 0,
        CreatedAt = Examples.At,
        StartedAt = null,
        PausedAt = null,
        FinishedAt = null,
    };

    public static readonly CampaignView Running = Planned with
    {
        State = CampaignState.Running,
        Progress = new CampaignProgress(305, 180, 14, 6, 105, 1, 0, 5, 0, 0, [new("ca-refused", 1)]),
        Eta = Examples.At.AddSeconds(230),
        StartedAt = Examples.At,
    };

    public static readonly CampaignView Paused = Running with
    {
        State = CampaignState.Paused,
        Eta = null,
        PausedAt = Examples.At.AddSeconds(90),
    };

    public static readonly CampaignView Aborted = Running with
    {
        State = CampaignState.Aborted,
        Progress = new CampaignProgress(305, 0, 14, 6, 105, 0, 1, 5, 180, 0, [new("ca-refused", 1)]),
        Eta = null,
        FinishedAt = Examples.At.AddSeconds(90),
    };

    public static readonly CampaignDomainView Domain = new()
    {
        Rank = 1,
        Domain = Examples.Registered.Id,
        Hostname = Examples.Registered.Hostname,
        Serial = Examples.Certificate.Serial,
        NotAfter = Examples.Certificate.NotAfter,
        State = CampaignDomainState.Replaced,
        Obstacle = null,
        Order = Guid.Parse("019cadc9-8af0-7c3d-9e4f-5a6b7c8d9e0f"),
        Reason = null,
        Detail = null,
        Attempts = 0,
        NextAttemptAt = null,
        ExpectedAt = Examples.At.AddSeconds(6.7),
        SettledAt = Examples.At.AddSeconds(5.1),
    };

    public static readonly EventView Started = new(
        44, Examples.At, EventTypes.CampaignStarted,
        "Started: 300 certificates with 900 calls at the CA, the last expected at 2026-03-02 09:33:41 UTC, 0 after the "
        + "deadline.",
        null, null, null, Data: null);
}
