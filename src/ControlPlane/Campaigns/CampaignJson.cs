using System.Text.Json;
using ControlPlane.Http;

namespace ControlPlane.Campaigns;

/// <summary>How plans and filters lie in their columns: as the API shows them.</summary>
internal static class CampaignJson
{
    private static readonly JsonSerializerOptions Options = Make();

    public static string Write<T>(T value) => JsonSerializer.Serialize(value, Options);

    public static T Read<T>(string json) => JsonSerializer.Deserialize<T>(json, Options)!;

    private static JsonSerializerOptions Make()
    {
        var options = new JsonSerializerOptions();
        JsonSetup.Apply(options);
        // Rows of a later version may hold more.
        options.UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Skip;
        return options;
    }
}
