using System.Text.Json;
using System.Text.Json.Serialization;
using SyncAgent.Planning;

namespace SyncAgent.Tests.Planning;

/// <summary>Each folder under <c>golden</c> is one situation and the plan for it; a new bug is a new folder.</summary>
public sealed class PlanTests
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    public static TheoryData<string> Cases =>
        [.. Directory.GetDirectories(Golden).Select(folder => Path.GetFileName(folder)!).Order(StringComparer.Ordinal)];

    private static string Golden => Path.Combine(AppContext.BaseDirectory, "Planning", "golden");

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_plan_is_the_golden_one(string name)
    {
        var input = JsonSerializer.Deserialize<PlanInput>(
            File.ReadAllText(Path.Combine(Golden, name, "input.json")), Json)!;

        var actions = Plan.Make(input).Select(action => new { action.Kind, action.Hostname, action.Reason });

        var expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(Golden, name, "expected.json")));
        Assert.Equal(
            JsonSerializer.Serialize(expected.RootElement, Json), JsonSerializer.Serialize(actions, Json));
    }

    [Fact]
    public void Every_action_has_a_reason_and_a_sentence()
    {
        foreach (var folder in Directory.GetDirectories(Golden))
        {
            var input = JsonSerializer.Deserialize<PlanInput>(
                File.ReadAllText(Path.Combine(folder, "input.json")), Json)!;
            Assert.All(Plan.Make(input), action => Assert.EndsWith(".", action.Message, StringComparison.Ordinal));
        }
    }
}
