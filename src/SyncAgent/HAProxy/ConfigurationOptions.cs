namespace SyncAgent.HAProxy;

/// <summary>Everything that differs between one node's configuration and another's.</summary>
internal sealed record ConfigurationOptions
{
    /// <summary>Address and port of TLS, for example <c>:443</c> or <c>127.0.0.1:18441</c>.</summary>
    public required string Https { get; init; }

    /// <summary>Address and port of plain HTTP: tokens, the NLB's health look, and 308 for everything else.</summary>
    public required string Http { get; init; }

    /// <summary>The directory of bundles; it is the crt-list.</summary>
    public required string CertificateDirectory { get; init; }

    /// <summary>The runtime socket.</summary>
    public required string SocketPath { get; init; }

    /// <summary>The agent's own socket, which serves tokens and readiness.</summary>
    public required string TokenSocket { get; init; }

    /// <summary>Addresses or networks of the NLB: only they may (and must) speak PROXY. Everybody else speaks
    /// plainly.</summary>
    public IReadOnlyList<string> ExpectProxyFrom { get; init; } = [];

    /// <summary>The application's TLS addresses.</summary>
    public required IReadOnlyList<string> Applications { get; init; }

    /// <summary>The authority that signed the application servers' certificates.</summary>
    public required string ApplicationAuthority { get; init; }

    /// <summary>The name that the application servers' certificates carry.</summary>
    public required string ApplicationName { get; init; }

    /// <summary>Certificate and key for mutual TLS with the application, or null.</summary>
    public string? ApplicationClientCertificate { get; init; }

    /// <summary>The HTTP addresses of the fleet's other nodes: they answer token look-ups while the agent here is away.
    /// </summary>
    public IReadOnlyList<string> BackupNodes { get; init; } = [];

    /// <summary>A file with one hostname a line that asked for HSTS, or null: it outlives us on a customer's
    /// name.</summary>
    public string? HstsHosts { get; init; }

    /// <summary>Connections per process. Each TLS connection costs about 50 kB at its peak.</summary>
    public int MaxConnections { get; init; } = 10_000;

    /// <summary>Bytes; also the ceiling for a bundle on its way in (<see cref="HaproxyOptions.BufferSize"/>).</summary>
    public int BufferSize { get; init; } = 16_384;
}
