using ControlPlane.Http;

namespace ControlPlane.Domains.Running;

/// <summary>How a step ended. A surprise is an exception; everything foreseen is one of these.</summary>
internal abstract record StepResult
{
    /// <summary>With a further reason, where there is one and it is not over.</summary>
    public StepResult Because(string? why) =>
        this is Snooze snooze && why is not null ? snooze with { Detail = $"{snooze.Detail} {why}" } : this;

    /// <summary>Done here; on to the next state.</summary>
    internal sealed record Advance(OrderState To, string Message) : StepResult;

    /// <summary>A phase is committed and more can be done in this state at once.</summary>
    internal sealed record Again : StepResult;

    /// <summary>The world is not ready. Costs no attempt; the reason is what a GET shows.</summary>
    /// <param name="Wait">How long at most; news wakes the order earlier.</param>
    /// <param name="Reason">Why, and who must act.</param>
    /// <param name="Detail">The particulars of this order.</param>
    internal sealed record Snooze(TimeSpan Wait, Reason Reason, string Detail) : StepResult;

    /// <summary>The world refused: Failed, with a remedy.</summary>
    internal sealed record Cancel(Reason Reason, string Detail) : StepResult;
}

/// <summary>One step of the path: reads the order top-down, does one thing, says how it ended.</summary>
internal interface IStep
{
    Task<StepResult> RunAsync(OrderRun run, CancellationToken ct);
}
