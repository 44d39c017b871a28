namespace ControlPlane.Audit;

/// <summary>Who did something.</summary>
/// <param name="Kind">What <paramref name="Id"/> and <paramref name="Name"/> are of.</param>
/// <param name="Id">The API key or the node; null for the others.</param>
/// <param name="Name">Of a command the user of the operating system, of the system the job. Null for a key: the trail
/// looks it up while it writes.</param>
/// <param name="Role">A key's role.</param>
/// <param name="TenantId">A key's tenant.</param>
internal sealed record AuditActor(
    AuditActorKind Kind, Guid? Id = null, string? Name = null, string? Role = null, Guid? TenantId = null)
{
    public static readonly AuditActor Anonymous = new(AuditActorKind.Anonymous);

    /// <summary>A job of the program itself.</summary>
    public static AuditActor System(string job) => new(AuditActorKind.System, Name: job);

    /// <summary>Whoever sits at the machine: the user of the operating system, and whom sudo stood in for.</summary>
    public static AuditActor Command() => new(
        AuditActorKind.Command,
        Name: Environment.GetEnvironmentVariable("SUDO_USER") is { Length: > 0 } behind
            ? $"{behind} (as {Environment.UserName})"
            : Environment.UserName);
}

internal enum AuditActorKind
{
    Key,
    Node,
    Anonymous,
    Command,
    System,
}

internal enum AuditPhase
{
    /// <summary>About to be done: committed before it is.</summary>
    Asked,

    /// <summary>How the asked one ended.</summary>
    Answered,

    /// <summary>Ended before it came to a handler: no key, the wrong role, too many requests.</summary>
    Refused,

    /// <summary>Done in the transaction that says so.</summary>
    Done,
}

/// <summary>One thing to be written to the trail. Never a body, never a query, never a secret.</summary>
/// <param name="Phase">What is known of it.</param>
/// <param name="Actor">Who.</param>
/// <param name="Operation">The operationId of the OpenAPI document, or the command or job.</param>
/// <param name="Target">A path without its query, or what a command was given.</param>
/// <param name="Address">Where from.</param>
/// <param name="RequestId">Joins asked and answered.</param>
/// <param name="Outcome">An HTTP status or a word; null for <see cref="AuditPhase.Asked"/>.</param>
/// <param name="Repeats">How many of the same this stands for.</param>
internal sealed record AuditNote(
    AuditPhase Phase, AuditActor Actor, string Operation, string? Target, string? Address, string? RequestId,
    string? Outcome = null, int Repeats = 1);

/// <summary>An entry of the trail, as it is listed, exported and sealed.</summary>
/// <param name="Id">Grows with time, with gaps; two of the same moment may be in either order.</param>
/// <param name="At">When, UTC.</param>
/// <param name="Phase"><c>asked</c> (before it was done), <c>answered</c>, <c>refused</c> or <c>done</c>.</param>
/// <param name="ActorKind"><c>key</c>, <c>node</c>, <c>anonymous</c>, <c>command</c> or <c>system</c>.</param>
/// <param name="ActorId">The API key or the node.</param>
/// <param name="Actor">Its name; of a command the user of the operating system; of the system the job.</param>
/// <param name="Role">The key's role.</param>
/// <param name="Tenant">The key's tenant.</param>
/// <param name="Operation">The operationId in this document, or the command or job.</param>
/// <param name="Target">What it was done to.</param>
/// <param name="Address">Where it came from.</param>
/// <param name="RequestId">The same in <c>asked</c> and <c>answered</c>; the <c>traceId</c> of a problem.</param>
/// <param name="Outcome">The HTTP status, or a word.</param>
/// <param name="Repeats">How many of the same this stands for: refusals are counted by the minute.</param>
internal sealed record AuditEntry(
    long Id, DateTimeOffset At, string Phase, string ActorKind, Guid? ActorId, string? Actor, string? Role,
    string? Tenant, string Operation, string? Target, string? Address, string? RequestId, string? Outcome,
    int Repeats);
