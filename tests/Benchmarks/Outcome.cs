using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Benchmarks;

/// <summary>A limit and what was measured beside it.</summary>
/// <param name="Name">What is limited.</param>
/// <param name="Limit">Such as <c>&lt;= 100 ms</c>.</param>
/// <param name="Value">In the limit's unit.</param>
/// <param name="Met">Whether the value keeps the limit.</param>
internal sealed record Goal(string Name, string Limit, double Value, bool Met)
{
    public static Goal AtMost(string name, double limit, string unit, double value) =>
        new(name, $"<= {Number(limit)} {unit}".TrimEnd(), value, value <= limit);

    public static Goal AtLeast(string name, double limit, double value) =>
        new(name, $">= {Number(limit)}", value, value >= limit);

    private static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}

/// <summary>What one run of a scenario showed.</summary>
/// <param name="Scenario">Its name.</param>
/// <param name="Figures">All that was measured; the unit is the end of the name.</param>
/// <param name="Goals">Those figures that have a limit.</param>
internal sealed record Outcome(
    string Scenario, IReadOnlyDictionary<string, double> Figures, IReadOnlyList<Goal> Goals)
{
    // The limits hold < and >, which are to be read by people and stand in no web page.
    private static readonly JsonWriterOptions Json =
        new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The file <c>&lt;scenario&gt;.json</c>:
    /// <c>{"scenario","figures":{…},"goals":[{"name","goal","value","met"}]}</c>.</summary>
    public string ToJson()
    {
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text, Json))
        {
            json.WriteStartObject();
            json.WriteString("scenario", Scenario);
            json.WriteStartObject("figures");
            foreach (var (name, value) in Figures)
            {
                json.WriteNumber(name, Rounded(value));
            }

            json.WriteEndObject();
            json.WriteStartArray("goals");
            foreach (var goal in Goals)
            {
                json.WriteStartObject();
                json.WriteString("name", goal.Name);
                json.WriteString("goal", goal.Limit);
                json.WriteNumber("value", Rounded(goal.Value));
                json.WriteBoolean("met", goal.Met);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return System.Text.Encoding.UTF8.GetString(text.ToArray()) + "\n";
    }

    /// <summary>Three decimals say all that a run on shared cores can.</summary>
    public static double Rounded(double value) => Math.Round(value, 3);
}
