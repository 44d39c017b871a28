using ControlPlane.Http;

namespace ControlPlane.SupportConsole.Pages;

/// <summary>What a notice says.</summary>
internal sealed record NoticeText(string Title, string Detail, IReadOnlyList<string> Fix);

/// <summary>Pages without anything to show.</summary>
public partial class Notice
{
    internal static IResult Page(int status, string title, string fix) =>
        new HtmlPage<Notice>(title, new NoticeText(title, title, [fix])) { Status = status };

    /// <summary>A problem of the API, for people.</summary>
    internal static IResult Page(Problem problem) => new HtmlPage<Notice>(
        problem.Kind.Title,
        new NoticeText(problem.Kind.Title, problem.Detail, [.. problem.Fix.Select(step => step.Text)]))
    {
        Status = problem.Kind.Status,
    };

    internal static Task WriteAsync(HttpContext context, Problem problem) => Page(problem).ExecuteAsync(context);
}
