using System.Text;
using ControlPlane.Http.OpenApi;

namespace ControlPlane.Http;

/// <summary>The pages behind a problem's <c>type</c> and a reason's <c>page</c>: what each code means, who must act,
/// and the remedy.</summary>
internal static class ProblemPages
{
    public static void MapProblemPages(this WebApplication app)
    {
        var problems = app.MapGroup("/problems").WithTags("Operation").AllowAnonymous();
        problems.MapGet("", () => Page(Problems.ByCode.Values))
            .WithName("ListProblems").WithSummary("List every problem").Documented(
                "Every problem the API answers with, as a page of plain text: status, meaning, remedy.");
        problems.MapGet("{code}", IResult (string code) =>
            Problems.ByCode.TryGetValue(code, out var kind) ? Page([kind]) : Problems.NotFound.With())
            .WithName("ReadProblem").WithSummary("Explain one problem").Documented(
                "The page behind the type of a problem.", Problems.NotFound);

        var reasons = app.MapGroup("/reasons").WithTags("Operation").AllowAnonymous();
        reasons.MapGet("", () => Page(Reasons.ByCode.Values))
            .WithName("ListReasons").WithSummary("List every reason").Documented(
                "Every reason a domain can wait or fail for, as a page of plain text: who must act, meaning, remedy.");
        reasons.MapGet("{code}", IResult (string code) =>
            Reasons.ByCode.TryGetValue(code, out var reason) ? Page([reason]) : Problems.NotFound.With())
            .WithName("ReadReason").WithSummary("Explain one reason").Documented(
                "The page behind the reason of a domain, or behind one of its findings.", Problems.NotFound);
    }

    private static IResult Page(IEnumerable<ProblemKind> kinds) => Text(
        kinds.OrderBy(kind => kind.Status).ThenBy(kind => kind.Code, StringComparer.Ordinal)
            .Select(kind => ($"{kind.Code} (HTTP {kind.Status})", kind.Title, kind.Fix)));

    private static IResult Page(IEnumerable<Reason> reasons) => Text(
        reasons.OrderBy(reason => reason.Code, StringComparer.Ordinal)
            .Select(reason => ($"{reason.Code} ({Waits(reason.WaitingOn)})", reason.Title, reason.Fix)));

    private static string Waits(WaitingOn party) => party == WaitingOn.None
        ? "waits on nobody"
        : $"waits on: {party.ToString().ToLowerInvariant()}";

    private static IResult Text(IEnumerable<(string Head, string Title, string Fix)> entries)
    {
        var text = new StringBuilder();
        foreach (var (head, title, fix) in entries)
        {
            text.Append(head).Append("\n  ").Append(title).Append("\n  ").Append(fix).Append("\n\n");
        }

        return TypedResults.Text(text.ToString());
    }
}
