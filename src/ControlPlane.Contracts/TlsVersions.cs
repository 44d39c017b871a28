namespace ControlPlane.Contracts;

/// <summary>The lowest version of TLS a domain may ask for, as the API and the wire write it.</summary>
public static class TlsVersions
{
    /// <summary>What every node speaks, and what a domain gets that asks for nothing.</summary>
    public const string Default = "1.2";

    /// <summary>For customers who want nothing older.</summary>
    public const string Tls13 = "1.3";

    /// <summary>Every version above.</summary>
    public static IReadOnlyList<string> All { get; } = [Default, Tls13];

    /// <summary>As it travels in <see cref="DesiredDomain.TlsMinimum"/>: the default is not said.</summary>
    public static string? OnWire(string version) => version == Default ? null : version;
}
