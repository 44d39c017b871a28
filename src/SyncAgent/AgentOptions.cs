using System.Net;
using SyncAgent.ControlPlaneApi;
using SyncAgent.HAProxy;

namespace SyncAgent;

/// <summary>How <c>sync-agent run</c> was started.</summary>
internal sealed record AgentOptions
{
    /// <summary>The control plane's base address.</summary>
    public required Uri Api { get; init; }

    /// <summary>PEM file with the roots that the control plane's certificate may end at; the system's when
    /// null.</summary>
    public string? ApiAuthority { get; init; }

    /// <summary>Identity, keys and manifest.</summary>
    public required string StateDirectory { get; init; }

    public required CertificateDirectoryPath Certificates { get; init; }

    public required HaproxyOptions Haproxy { get; init; }

    /// <summary>The node's own TLS listener, which every bundle is proven on.</summary>
    public required IPEndPoint Https { get; init; }

    /// <summary>The shared token store.</summary>
    public required string TokenDirectory { get; init; }

    /// <summary>The unix socket that HAProxy asks for tokens and readiness.</summary>
    public required string TokenSocket { get; init; }

    /// <summary>Where whoever watches the node finds <c>/metrics</c>, <c>/readyz</c> and <c>/healthz</c>; null: on the
    /// token socket alone.</summary>
    public IPEndPoint? Status { get; init; }

    /// <summary>PEM files with roots that are trusted beside the system's.</summary>
    public IReadOnlyList<string> Trust { get; init; } = [];

    /// <summary>From this age of the newest accepted answer on, the node says that it may be held at an old state.
    /// Polls end within a minute, so that a quarter of an hour is no hiccup, and short beside the hours a renewal
    /// has.</summary>
    public TimeSpan StaleAfter { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>How often the whole record is compared with the fleet's, ±20 %. A comparison costs 32 KiB; what it
    /// finds has no deadline of its own, because changes come by the poll.</summary>
    public TimeSpan DigestEvery { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>Within this time all of HAProxy's memory is read back and proven by handshake. At 30,000 names half an
    /// hour is 17 handshakes a second, some percent of a core.</summary>
    public TimeSpan AuditEvery { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Used when the state directory holds no identity yet.</summary>
    public EnrolmentOptions? Enrolment { get; init; }
}
