using System.Text.Json;
using System.Text.Json.Nodes;
using ControlPlane.Http.Conditions;
using ControlPlane.Http.Idempotency;
using ControlPlane.Http.Rates;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;

namespace ControlPlane.Http.OpenApi;

/// <summary>Adds to each operation its problems, its examples, who may call it, and its Idempotency-Key.</summary>
internal sealed class OperationDetails(IOptions<JsonOptions> json, IAuthorizationPolicyProvider policies)
    : IOpenApiOperationTransformer
{
    private const string ProblemSchema = "Problem";

    public async Task TransformAsync(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        var document = context.Document!;
        var callers = await RouteCallers.OfAsync(metadata, policies);
        if (document.Components?.Schemas?.ContainsKey(ProblemSchema) != true)
        {
            var schema = await context.GetOrCreateSchemaAsync(typeof(ProblemBody), null, cancellationToken);
            // Members that are left out when there is nothing to say: the generator calls them required.
            schema.Required?.ExceptWith(ProblemBody.LeftOutWhenNull);
            document.AddComponent(ProblemSchema, schema);
        }

        DescribeParameters(operation, metadata);
        AddProblems(operation, metadata, document, callers);
        AddExamples(operation, metadata.OfType<RouteExample>().LastOrDefault());
        AddFile(operation, metadata.OfType<RouteFile>().LastOrDefault());
        callers.Describe(operation, document);

        if (metadata.OfType<HonoursIdempotencyKey>().Any())
        {
            operation.Parameters ??= [];
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = IdempotencyMiddleware.Header,
                In = ParameterLocation.Header,
                Description =
                    "Any text of 1 to 200 visible ASCII characters, best a UUID. A repeat with the same key and "
                    + "body gets the first answer again, so that a lost answer can be asked for without fear.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = 200 },
                Example = JsonValue.Create("0197f3a2-5b1c-7d3e-9f40-2a6b8c9d0e1f"),
            });
        }

        ConditionHeaders.Describe(operation, metadata);
        AnswerHeaders.Describe(operation, metadata);
    }

    /// <summary>What means the same on every route is said here, once.</summary>
    private static void DescribeParameters(OpenApiOperation operation, IList<object> metadata)
    {
        foreach (var parameter in operation.Parameters?.OfType<OpenApiParameter>() ?? [])
        {
            parameter.Description ??= parameter.Name switch
            {
                "id" => "As registration or the list shows it.",
                "tenant" => "The tenant's id or its name.",
                "fleet" => "The fleet's id or its name.",
                "node" => "The node's id, or its name where no other node ever had it.",
                "key" => "The key's id, not the key.",
                "code" => "The `reason` of a problem, or the `code` of a domain's reason or finding.",
                "delivery" => "The delivery's id.",
                "secret" => "The secret's id, not the secret.",
                "cursor" => "`nextCursor` of the page before.",
                "after" => "`nextCursor` of the page before, or the id of the last event read.",
                "limit" => "How many at most, 1 to 200.",
                _ => null,
            };
            var words = metadata.OfType<ParameterWords>().FirstOrDefault(words => words.Parameter == parameter.Name);
            if (words is not null && parameter.Schema is OpenApiSchema schema)
            {
                schema.Enum = [.. words.Words.Select(word => (JsonNode)JsonValue.Create(word))];
            }
        }
    }

    private void AddProblems(
        OpenApiOperation operation, IList<object> metadata, OpenApiDocument document, RouteCallers callers)
    {
        IEnumerable<ProblemKind> kinds = metadata.OfType<RouteProblems>().SelectMany(route => route.Kinds);
        if (operation.RequestBody is not null)
        {
            kinds = kinds.Concat(
            [
                Problems.MalformedJson, Problems.UnknownField, Problems.BodyTooLarge, Problems.UnsupportedContentType,
            ]);
        }

        if (metadata.OfType<HonoursIdempotencyKey>().Any())
        {
            kinds = kinds.Concat([Problems.IdempotencyInProgress, Problems.IdempotencyKeyReused]);
        }

        if (metadata.OfType<HonoursConditions>().Any())
        {
            kinds = kinds.Append(Problems.PreconditionFailed);
        }

        if (!callers.Anyone)
        {
            kinds = kinds.Concat(
            [
                Problems.UnknownParameter, Problems.NotAuthenticated, Problems.NotAllowed, Problems.TenantDisabled,
                Problems.Unavailable,
            ]);
        }

        if (!metadata.OfType<Unlimited>().Any())
        {
            kinds = kinds.Append(Problems.TooManyRequests);
        }

        operation.Responses ??= [];
        var statuses = kinds.Append(Problems.Unexpected).DistinctBy(kind => kind.Code).GroupBy(kind => kind.Status);
        foreach (var status in statuses)
        {
            operation.Responses.TryAdd($"{status.Key}", new OpenApiResponse
            {
                Description = string.Join(' ', status.Select(kind => kind.Title)),
                Content = new Dictionary<string, OpenApiMediaType>
                {
                    [ProblemBody.ContentType] = new()
                    {
                        Schema = new OpenApiSchemaReference(ProblemSchema, document),
                        Examples = status.ToDictionary(
                            kind => kind.Code,
                            IOpenApiExample (kind) => new OpenApiExample { Value = Write(Sample(kind)) }),
                    },
                },
            });
        }
    }

    private void AddExamples(OpenApiOperation operation, RouteExample? example)
    {
        if (example?.Request is { } request)
        {
            foreach (var body in operation.RequestBody?.Content?.Values ?? [])
            {
                body.Example = Write(request);
            }
        }

        var good = operation.Responses?.Where(response => response.Key.StartsWith('2'))
            .Select(response => response.Value)
            .FirstOrDefault();
        if (example is not null && good?.Content?.TryGetValue("application/json", out var answer) == true)
        {
            answer.Example = Write(example.Response);
        }
    }

    /// <summary>A file is no argument that the generator could find.</summary>
    private static void AddFile(OpenApiOperation operation, RouteFile? file)
    {
        if (file is not null)
        {
            operation.RequestBody = new OpenApiRequestBody
            {
                Required = true,
                Content = file.Kinds.ToDictionary(kind => kind.ContentType, kind => new OpenApiMediaType
                {
                    Schema = new OpenApiSchema { Type = JsonSchemaType.String },
                    Example = JsonValue.Create(kind.Example),
                }),
            };
        }
    }

    private static ProblemBody Sample(ProblemKind kind) => new(
        kind.Type, kind.Title, kind.Status, kind.Title, kind.Code, kind.WaitingOn, [new(kind.Fix)], "/v1/…",
        "4bf92f3577b34da6a3ce929d0e0e4736", null, null);

    private JsonNode? Write(object value) => JsonSerializer.SerializeToNode(value, json.Value.SerializerOptions);
}
