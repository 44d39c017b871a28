using ControlPlane.Http;

namespace ControlPlane.Imports.Files;

/// <summary>A row as its format gives it.</summary>
/// <param name="Line">Where it begins, from 1.</param>
/// <param name="Json">The registration as JSON; empty where the row cannot be told apart.</param>
/// <param name="Problem">Why it cannot; null otherwise.</param>
internal sealed record FileRow(int Line, ReadOnlyMemory<byte> Json, Problem? Problem = null)
{
    public static FileRow Bad(int line, Problem problem) => new(line, default, problem);
}

/// <summary>A row as it is kept.</summary>
/// <param name="Line">Where it begins, from 1.</param>
/// <param name="Hostname">For people.</param>
/// <param name="Request">The registration; null where the row could not be read.</param>
/// <param name="Outcome">Pending, or what is certain without a look at the database.</param>
/// <param name="SameAs">An earlier line with the same name.</param>
/// <param name="Problem">A <see cref="RowProblem"/>, as JSON.</param>
internal sealed record ReadRow(
    int Line, string Hostname, string? Request, ImportOutcome Outcome, int? SameAs, string? Problem);
