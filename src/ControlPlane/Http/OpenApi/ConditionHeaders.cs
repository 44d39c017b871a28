using System.Text.Json.Nodes;
using ControlPlane.Http.Conditions;
using Microsoft.OpenApi;

namespace ControlPlane.Http.OpenApi;

/// <summary>Adds the headers of conditional requests to the operations that honour them.</summary>
internal static class ConditionHeaders
{
    private const string Tag = "\"Zr1q4hJ0c2xXyE5bV8aD\"";

    public static void Describe(OpenApiOperation operation, IList<object> metadata)
    {
        if (metadata.OfType<HonoursConditions>().LastOrDefault() is not { } conditions)
        {
            return;
        }

        operation.Parameters ??= [];
        operation.Parameters.Add(Parameter("If-Match",
            "Only if it is still what this tag was read with; tags separated by commas, or `*`. Else 412. Weak tags "
            + "never match."));
        operation.Parameters.Add(Parameter("If-None-Match", conditions.Reads
            ? "Only if it is not what this tag was read with any more. Else 304, without a body."
            : "Only if it is not what this tag was read with. Else 412."));
        foreach (var (status, answer) in operation.Responses ?? [])
        {
            if (status is "200" or "304" or "412" && answer is OpenApiResponse response)
            {
                if (status == "304")
                {
                    response.Description = "Nothing has happened since.";
                }

                AnswerHeaders.Add(response, "ETag", "Names what was read; see `If-Match`.", Tag);
            }
        }
    }

    private static OpenApiParameter Parameter(string name, string description) => new()
    {
        Name = name,
        In = ParameterLocation.Header,
        Description = description,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
        Example = JsonValue.Create(Tag),
    };
}
