using ControlPlane.Domains.Leaving;
using ControlPlane.Domains.Running;
using ControlPlane.Http;

namespace ControlPlane.Domains.Renewing;

/// <summary>What follows when the order of a served certificate's successor fails: the certificate is served on, and
/// the next attempt is planned and told.</summary>
internal static class FailedRenewal
{
    /// <summary>Fails an order. That of a successor says why by another reason, unless only the customer can mend it:
    /// the remedies for a new domain, such as registering it anew, would take down one that is served.</summary>
    public static void Fail(OrderRun run, StepResult.Cancel cancel)
    {
        var end = run.Domain.Status == DomainStatus.Active ? Record(run, cancel) : cancel;
        run.Order.Fail(end.Reason, end.Detail, run.Now);
    }

    /// <summary>How much of its certificate's life a domain has left.</summary>
    public static string Left(Domain domain, DateTimeOffset now) => domain.ExpiresAt is not { } end ? ""
        : end <= now ? "The certificate has expired."
        : (end - now).TotalDays < 2 ? $"{(end - now).TotalHours:0} hours are left."
        : $"{(end - now).TotalDays:0} days are left.";

    private static StepResult.Cancel Record(OrderRun run, StepResult.Cancel end)
    {
        var domain = run.Domain;
        domain.RenewalFailed(run.Now + Wait(domain, run.Now), run.Now);
        var outlook = Outlook(domain);
        var cause = $"{end.Reason.Title} {end.Detail}".Trim();
        run.Tell(
            EventTypes.RenewalFailed, $"Attempt {domain.RenewalFailures}: {cause} {outlook} {Left(domain, run.Now)}");
        return end.Reason.WaitingOn == WaitingOn.Customer
            ? end with { Detail = $"{end.Detail} {outlook}".Trim() }
            : new StepResult.Cancel(RenewalReasons.RenewalFailed, $"{cause} {outlook}");
    }

    /// <summary>While the certificate lasts, no more than a quarter of what is left of it passes between two attempts,
    /// or an hour: one a day would be none on its last day, when the cause was mended too late for the one
    /// before.</summary>
    private static TimeSpan Wait(Domain domain, DateTimeOffset now)
    {
        var usual = RetrySchedules.RenewalFailed.At(domain.RenewalFailures);
        var shortest = RetrySchedules.RenewalFailed.At(0);
        var quarter = (domain.ExpiresAt - now) / 4 ?? usual;
        return quarter <= TimeSpan.Zero || quarter >= usual ? usual : quarter > shortest ? quarter : shortest;
    }

    private static string Outlook(Domain domain) =>
        (domain.ExpiresAt is { } end ? $"The present certificate is served until {Leave.Day(end)}. " : "")
        + (domain.RenewAt is { } again ? $"The next attempt comes at {Leave.Day(again)}." : "");
}
