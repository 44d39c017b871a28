using System.Text.Json.Nodes;
using ControlPlane.Http.Idempotency;
using ControlPlane.Http.Rates;
using Microsoft.OpenApi;

namespace ControlPlane.Http.OpenApi;

/// <summary>Adds to each answer the headers it carries, and says what 201 and 202 mean.</summary>
internal static class AnswerHeaders
{
    /// <summary>The problems that say when to come back.</summary>
    private static readonly string[] ComeBack = ["429", "503"];

    public static void Describe(OpenApiOperation operation, IList<object> metadata)
    {
        var located = !metadata.OfType<HasNoLocation>().Any();
        var idempotent = metadata.OfType<HonoursIdempotencyKey>().Any();
        var limited = !metadata.OfType<Unlimited>().Any();
        foreach (var (status, answer) in operation.Responses ?? [])
        {
            if (answer is not OpenApiResponse response)
            {
                continue;
            }

            if (status is "201" or "202")
            {
                response.Description = (status == "201" ? "Made." : "Taken on; it goes on by itself.")
                    + (located ? " `Location` is where to read it." : "");
                if (located)
                {
                    Add(response, "Location", "The path of what was made or is under way.", "/v1/…");
                }
            }

            if (idempotent && status is not "429" and not "401" and not "403")
            {
                Add(
                    response, IdempotencyMiddleware.ReplayedHeader,
                    "`true` when this is the first answer once more; absent otherwise.", "true");
            }

            if ((limited && ComeBack.Contains(status)) || (idempotent && status == "409"))
            {
                Add(
                    response, "Retry-After", "Seconds after which a repeat may succeed, where waiting helps.", 1);
            }

            if (limited && (status.StartsWith('2') || status == "429"))
            {
                Add(
                    response, "RateLimit-Policy",
                    "Who is counted together, `q` requests at once, and in how many seconds `w` they come back "
                    + "(draft-ietf-httpapi-ratelimit-headers-10). Each replica counts for itself.",
                    "\"portal\";q=400;w=2");
                Add(
                    response, "RateLimit", "`r` requests are left; all are back in `t` seconds.",
                    "\"portal\";r=399;t=1");
            }
        }
    }

    public static void Add(OpenApiResponse response, string name, string description, JsonNode example)
    {
        response.Headers ??= new Dictionary<string, IOpenApiHeader>();
        var number = example.GetValueKind() == System.Text.Json.JsonValueKind.Number;
        response.Headers[name] = new OpenApiHeader
        {
            Description = description,
            Schema = new OpenApiSchema { Type = number ? JsonSchemaType.Integer : JsonSchemaType.String },
            Example = example,
        };
    }
}
