using System.Text.Json;
using ControlPlane.CertificateAuthorities;

namespace ControlPlane.Domains.Renewing;

/// <summary>How the CA's order stood before a reissue was asked for under it. Committed before the call leaves: a
/// reissue whose answer was lost carries no id of ours, and is recognised only by what it changed.</summary>
/// <param name="CertificateId">Its newest certificate; null when the CA did not name it.</param>
/// <param name="RequestIds">What had been asked for under it.</param>
/// <param name="Reissues">How often it had been reissued; null when the CA did not say.</param>
internal sealed record ReissueBaseline(string? CertificateId, IReadOnlyList<string> RequestIds, int? Reissues)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public static ReissueBaseline Of(CaOrder order) =>
        new(order.CaCertificateId, [.. order.RequestIds.Order(StringComparer.Ordinal)], order.Reissues);

    /// <summary>Nothing has been asked for under the order since.</summary>
    public bool IsStill(CaOrder order) => Of(order) is var now && now.CertificateId == CertificateId
        && now.Reissues == Reissues && now.RequestIds.SequenceEqual(RequestIds);

    public string Write() => JsonSerializer.Serialize(this, Json);

    public static ReissueBaseline Read(string text) => JsonSerializer.Deserialize<ReissueBaseline>(text, Json)!;
}
