namespace ControlPlane.CertificateAuthorities;

/// <summary>The CAs that are configured, each by its name.</summary>
/// <param name="all">Each has another name.</param>
/// <param name="chosen">The one that orders go to when neither domain nor tenant names one.</param>
internal sealed class Authorities(IEnumerable<ICertificateAuthority> all, string chosen)
{
    private readonly Dictionary<string, ICertificateAuthority> _byName =
        all.ToDictionary(ca => ca.Name, StringComparer.Ordinal);

    public IReadOnlyCollection<ICertificateAuthority> All => _byName.Values;

    public IReadOnlyList<string> Names => [.. _byName.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Where orders go when neither domain nor tenant says.</summary>
    public string Default => chosen;

    /// <summary>What <see cref="IsChoice"/> asks for, in words.</summary>
    public string Rule => $"certificateAuthority must be one of {string.Join(", ", Names)}.";

    /// <summary>Whether a request may say so: a name that is configured, or none.</summary>
    public bool IsChoice(string? name) => name is null || _byName.ContainsKey(name);

    public ICertificateAuthority? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>The CA of an order.</summary>
    /// <exception cref="CertificateAuthorityException">It is not configured (any more).</exception>
    public ICertificateAuthority Of(string name) => Find(name) ?? throw new CertificateAuthorityException(
        CaFailure.NotConfigured, $"There is no CA {name} in the settings, only {string.Join(", ", Names)}.");
}
