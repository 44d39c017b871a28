using System.Text;
using ControlPlane.Http.OpenApi;

namespace ControlPlane.Http;

/// <summary>The pages behind a problem's <c>type</c>.</summary>
internal static class ProblemPages
{
    public static void MapProblemPages(this WebApplication app)
    {
        var pages = app.MapGroup("/problems").WithTags("Operation").AllowAnonymous();
        pages.MapGet("", () => Page(Problems.ByCode.Values))
            .WithName("ListProblems").WithSummary("List every problem").Documented(
                "Every problem the API answers with, as a page of plain text: status, meaning, remedy.");
        pages.MapGet("{code}", IResult (string code) =>
            Problems.ByCode.TryGetValue(code, out var kind) ? Page([kind]) : Problems.NotFound.With())
            .WithName("ReadProblem").WithSummary("Explain one problem").Documented(
                "The page behind the type of a problem.", Problems.NotFound);
    }

    private static IResult Page(IEnumerable<ProblemKind> kinds)
    {
        var text = new StringBuilder();
        foreach (var kind in kinds.OrderBy(kind => kind.Status).ThenBy(kind => kind.Code, StringComparer.Ordinal))
        {
            text.Append(kind.Code).Append(" (HTTP ").Append(kind.Status).Append(")\n  ")
                .Append(kind.Title).Append("\n  ").Append(kind.Fix).Append("\n\n");
        }

        return TypedResults.Text(text.ToString());
    }
}
