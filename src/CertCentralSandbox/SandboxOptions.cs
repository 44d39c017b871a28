using System.Net;

namespace CertCentralSandbox;

/// <summary>What a sandbox is started with. Every default is what the command line says when the option is
/// missing.</summary>
internal sealed record SandboxOptions
{
    /// <summary>Where the API listens. Port 0 takes a free one.</summary>
    public required IPEndPoint Listen { get; init; }

    /// <summary>Directory of the authority's keys, the order journal and the clock. Made when missing, mode
    /// 0700.</summary>
    public required string StateDirectory { get; init; }

    /// <summary>The one key that <c>X-DC-DEVKEY</c> must carry.</summary>
    public required string ApiKey { get; init; }

    /// <summary>The DNS server that the validation perspectives ask.</summary>
    public required IPEndPoint Dns { get; init; }

    /// <summary>TCP port that stands for port 80 when a token is fetched.</summary>
    public int HttpPort { get; init; } = 80;

    /// <summary>TCP port that stands for port 443 when a redirect or the https-first switch leads there.</summary>
    public int HttpsPort { get; init; } = 443;

    /// <summary>Network perspectives per check (1–12). CAs need four since 2026-06-15, five from 2026-12-15.</summary>
    public int Perspectives { get; init; } = 4;

    /// <summary>How much faster than the wall the sandbox clock runs (0.1–100000).</summary>
    public double ClockFactor { get; init; } = 1;

    /// <summary>Time between a good check and the certificate, on the sandbox clock.</summary>
    public TimeSpan IssueDelay { get; init; } = TimeSpan.Zero;

    /// <summary>Whether the documented quotas of 1000 calls in 3 min and 100 in 5 s are enforced.</summary>
    public bool RateLimit { get; init; } = true;

    /// <summary>Seed of the dice that faults with a probability roll; keys and random values never come from
    /// it.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Where the root certificate is written as PEM for clients to trust; null writes nothing.</summary>
    public string? RootOut { get; init; }
}
