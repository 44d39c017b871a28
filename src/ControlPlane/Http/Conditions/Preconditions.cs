using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace ControlPlane.Http.Conditions;

/// <summary>
/// <c>If-Match</c> and <c>If-None-Match</c> against the present tag of a resource that is there, in the order of RFC
/// 9110 §13.2.2. Conditions by date are ignored, as §13.1 asks of who knows no date of the last change. A route asks
/// once all else speaks for a good answer; one that changes something, with the row locked.
/// </summary>
internal static class Preconditions
{
    private const string Form = "must be * or tags as ETag shows them, in quotation marks and separated by commas.";

    /// <summary>Whether there is anything to compare.</summary>
    public static bool AreGiven(HttpRequest request) =>
        request.Headers.ContainsKey(HeaderNames.IfMatch) || request.Headers.ContainsKey(HeaderNames.IfNoneMatch);

    /// <summary>The answer when the request must not go on: 304 for a read, 412 for a change, 400 when it cannot be
    /// understood. Null when it may.</summary>
    /// <param name="context">The request.</param>
    /// <param name="tag">The present tag, strong and with its quotation marks.</param>
    public static IResult? Answer(HttpContext context, string tag)
    {
        var (request, now) = (context.Request, EntityTagHeaderValue.Parse(tag));
        if (!TryRead(request.Headers.IfMatch, out var wanted))
        {
            return Problems.MalformedRequest.With($"If-Match {Form}");
        }

        if (!TryRead(request.Headers.IfNoneMatch, out var known))
        {
            return Problems.MalformedRequest.With($"If-None-Match {Form}");
        }

        // A weak tag is equal to none here: what differs in a detail may be what another has just changed.
        if (wanted is not null && !wanted.Any(one => IsAny(one) || one.Compare(now, useStrongComparison: true)))
        {
            return Failed(tag);
        }

        if (known?.Any(one => IsAny(one) || one.Compare(now, useStrongComparison: false)) != true)
        {
            return null;
        }

        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
        {
            return Failed(tag);
        }

        context.Response.Headers.ETag = tag;
        return TypedResults.StatusCode(StatusCodes.Status304NotModified);
    }

    private static Problem Failed(string tag) => Problems.PreconditionFailed.With() with { Tag = tag };

    private static bool IsAny(EntityTagHeaderValue tag) => tag.Equals(EntityTagHeaderValue.Any);

    private static bool TryRead(StringValues header, out IList<EntityTagHeaderValue>? tags)
    {
        tags = null;
        return header.Count == 0 || EntityTagHeaderValue.TryParseStrictList(header, out tags);
    }
}

/// <summary>Marks a route whose answer has a tag, and which honours the conditions that go with it.</summary>
internal sealed record HonoursConditions
{
    /// <summary>Never shown; tells the document whether it reads.</summary>
    public bool Reads { get; init; }
}
