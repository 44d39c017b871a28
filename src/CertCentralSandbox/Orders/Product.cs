namespace CertCentralSandbox.Orders;

/// <summary>
/// A product of the account. <paramref name="MaxNames"/> counts names without a free www twin; the real limits of DV
/// products are not documented, so these are guesses.
/// </summary>
internal sealed record Product(
    string NameId, string Name, string ValidationType, int MaxNames, bool Wildcards, bool NeedsAuthKey = false)
{
    public static readonly IReadOnlyList<Product> All =
    [
        new("ssl_dv_geotrust", "GeoTrust Standard DV (sandbox)", "dv", 1, Wildcards: false),
        new("ssl_dv_rapidssl", "RapidSSL Standard DV (sandbox)", "dv", 1, Wildcards: false),
        new("wildcard_dv_geotrust", "GeoTrust Wildcard DV (sandbox)", "dv", 1, Wildcards: true),
        new("wildcard_dv_rapidssl", "RapidSSL Wildcard DV (sandbox)", "dv", 1, Wildcards: true),
        new("ssl_dv_geotrust_flex", "GeoTrust DV Flex (sandbox)", "dv", 250, Wildcards: true),
        new("cloud_dv_geotrust", "GeoTrust Cloud DV (sandbox)", "dv", 250, Wildcards: true),
        new("ssl_dv_ee", "Encryption Everywhere DV (sandbox)", "dv", 1, Wildcards: false, NeedsAuthKey: true),
    ];

    public string Type => "dv_ssl_certificate";

    public static Product? Find(string nameId) => All.FirstOrDefault(p => p.NameId == nameId);
}
