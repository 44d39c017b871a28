using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;

namespace ControlPlane.Http;

/// <summary>One way in which a request can go wrong.</summary>
/// <param name="Code">Stable word for programs; <c>type</c> is <c>/problems/&lt;code&gt;</c>.</param>
/// <param name="Status">HTTP status.</param>
/// <param name="WaitingOn">Who can mend it.</param>
/// <param name="Title">What is the matter, in a sentence that is the same each time.</param>
/// <param name="Fix">What to do, in a sentence the caller can follow.</param>
internal sealed record ProblemKind(string Code, int Status, WaitingOn WaitingOn, string Title, string Fix)
{
    public string Type => $"/problems/{Code}";

    /// <summary>This kind with the particulars of one request.</summary>
    /// <param name="detail">A sentence on this request; the title when there is nothing to add.</param>
    /// <param name="fix">A remedy for this very case, put before the general one.</param>
    public Problem With(string? detail = null, string? fix = null) =>
        new(this, detail ?? Title, fix is null ? [new(Fix)] : [new(fix), new(Fix)]);
}

/// <summary>An answer that says what went wrong. Returned by handlers, never thrown.</summary>
internal sealed record Problem(ProblemKind Kind, string Detail, IReadOnlyList<FixStep> Fix) : IResult
{
    /// <summary>The resource that is in the way, if the caller may know it.</summary>
    public Guid? Existing { get; init; }

    /// <summary>Every field at fault, when there are fields at fault.</summary>
    public IReadOnlyList<FieldProblem>? Errors { get; init; }

    /// <summary>Seconds after which a repeat may succeed.</summary>
    public int? RetryAfterSeconds { get; init; }

    /// <summary>The present tag of the resource that a condition was about.</summary>
    public string? Tag { get; init; }

    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = Kind.Status;
        if (RetryAfterSeconds is { } seconds)
        {
            response.Headers.RetryAfter = seconds.ToString();
        }

        if (Tag is not null)
        {
            response.Headers.ETag = Tag;
        }

        if (httpContext.GetEndpoint()?.Metadata.GetMetadata<ProblemPage>() is { } page)
        {
            return page.WriteAsync(httpContext, this);
        }

        var body = new ProblemBody(
            Kind.Type, Kind.Title, Kind.Status, Detail, Kind.Code, Kind.WaitingOn, Fix,
            httpContext.Request.Path.ToUriComponent(),
            Activity.Current?.TraceId.ToString() ?? httpContext.TraceIdentifier,
            Existing, Errors);
        var options = httpContext.RequestServices.GetRequiredService<IOptions<JsonOptions>>().Value.SerializerOptions;
        response.ContentType = ProblemBody.ContentType;
        return response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(body, options)).AsTask();
    }
}

/// <summary>Marks a route that people read: its problems are pages, too.</summary>
/// <param name="WriteAsync">Writes the page; headers and status of the problem are set.</param>
internal sealed record ProblemPage(Func<HttpContext, Problem, Task> WriteAsync);

/// <summary>A problem on the wire: RFC 9457, with our own members after <c>detail</c>.</summary>
/// <param name="Type">A page that explains this kind of problem.</param>
/// <param name="Title">The kind in a sentence.</param>
/// <param name="Status">The HTTP status once more.</param>
/// <param name="Detail">This request's particulars.</param>
/// <param name="Reason">The kind as a stable word for programs.</param>
/// <param name="WaitingOn">Who can mend it.</param>
/// <param name="Fix">What to do, most specific first.</param>
/// <param name="Instance">The path that was called.</param>
/// <param name="TraceId">Finds the request in our log.</param>
/// <param name="Existing">Id of the resource in the way, when the caller may see it.</param>
/// <param name="Errors">Each field at fault.</param>
internal sealed record ProblemBody(
    string Type,
    string Title,
    int Status,
    string Detail,
    string Reason,
    WaitingOn WaitingOn,
    IReadOnlyList<FixStep> Fix,
    string Instance,
    string TraceId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Guid? Existing,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<FieldProblem>? Errors)
{
    public const string ContentType = "application/problem+json";

    /// <summary>Members a problem need not have, as they are spelled on the wire.</summary>
    public static readonly IReadOnlyList<string> LeftOutWhenNull = ["existing", "errors"];
}

/// <summary>A field at fault.</summary>
/// <param name="Field">Its name in the body or the query.</param>
/// <param name="Reason">The fault as a stable word.</param>
/// <param name="Detail">The fault in a sentence.</param>
internal sealed record FieldProblem(string Field, string Reason, string Detail);
