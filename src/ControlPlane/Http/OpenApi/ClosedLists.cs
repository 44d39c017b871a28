using System.Text.Json.Nodes;
using ControlPlane.Contracts;
using ControlPlane.Domains;
using ControlPlane.Domains.Reading;
using ControlPlane.Domains.Revoking;
using ControlPlane.Domains.Settings;
using ControlPlane.Imports;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace ControlPlane.Http.OpenApi;

/// <summary>Enumerates in the document what is text in the program and yet a closed list: the codes of reasons and
/// problems, and the types of events. A portal may branch on each of them.</summary>
internal static class ClosedLists
{
    private static readonly IReadOnlyDictionary<(Type Of, string Member), IEnumerable<string>> Codes =
        new Dictionary<(Type, string), IEnumerable<string>>
        {
            [(typeof(ReasonView), "code")] = Reasons.ByCode.Keys,
            [(typeof(FindingView), "code")] = Reasons.ByCode.Keys,
            [(typeof(ProblemBody), "reason")] = Problems.ByCode.Keys,
            [(typeof(RowProblem), "reason")] = Problems.ByCode.Keys,
            [(typeof(RevokeRequest), "reason")] = RevokeRequest.ReasonWords,
            [(typeof(RevokeRequest), "when")] = RevokeRequest.Moments,
            [(typeof(RevocationView), "when")] = RevokeRequest.Moments,
            [(typeof(TlsView), "minimumVersion")] = TlsVersions.All,
            [(typeof(EventView), "type")] = EventTypes.Words,
        };

    public static void Describe(OpenApiSchema schema, OpenApiSchemaTransformerContext context)
    {
        if (context.JsonPropertyInfo is { } member
            && Codes.TryGetValue((member.DeclaringType, member.Name), out var list))
        {
            schema.Enum = [.. list.Order(StringComparer.Ordinal).Select(code => (JsonNode)JsonValue.Create(code))];
        }
    }
}
