using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using ControlPlane.Domains;
using ControlPlane.Domains.Reading;
using Microsoft.OpenApi;

namespace ControlPlane.Http.OpenApi;

/// <summary>Texts that are always one of a list, where the list is kept in code and not as an enumeration: programs
/// that are generated from the document get the words with it.</summary>
internal static class ListedWords
{
    /// <summary>Adds the words to a field's schema.</summary>
    public static void Describe(OpenApiSchema schema, JsonPropertyInfo? field)
    {
        IEnumerable<string>? words = (field?.DeclaringType, field?.Name) switch
        {
            ({ } type, "type") when type == typeof(EventView) => EventTypes.Words,
            ({ } type, "code") when type == typeof(ReasonView) => Reasons.ByCode.Keys,
            _ => null,
        };
        if (words is not null)
        {
            schema.Enum = [.. words.Select(word => (JsonNode)JsonValue.Create(word))];
        }
    }
}
