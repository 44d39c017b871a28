using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains.Preflight;
using ControlPlane.Http;

namespace ControlPlane.Domains.Running;

/// <summary>What a failed call to the CA means for an order, when the step itself has nothing better to say.</summary>
internal static class CaAnswers
{
    public static StepResult For(CertificateAuthorityException fault, Order order) => fault.Failure switch
    {
        // The customer's record, not our order: mended, the order goes on where the CA has it already.
        CaFailure.Refused when IsAboutCaa(fault) =>
            order.State == OrderState.PendingValidation
                ? new StepResult.Snooze(
                    RetrySchedules.TokenNotSeen.At(order.Snoozes), PreflightReasons.CaaForbids, fault.Message)
                : new StepResult.Cancel(PreflightReasons.CaaForbids, fault.Message),
        CaFailure.Refused => new StepResult.Cancel(Reasons.CaRefused, fault.Message),
        CaFailure.NoBudget => new StepResult.Snooze(
            Longer(fault.RetryAfter, RetrySchedules.NoBudget.At(order.Snoozes)), Reasons.CaBudgetSpent, fault.Message),
        CaFailure.CredentialRefused => new StepResult.Snooze(
            TimeSpan.FromMinutes(1), Reasons.CaCredentialRefused, fault.Message),
        CaFailure.NotConfigured => new StepResult.Snooze(
            TimeSpan.FromMinutes(10), Reasons.CaNotConfigured, fault.Message),
        _ => new StepResult.Snooze(
            Longer(fault.RetryAfter, RetrySchedules.CaAway.At(order.Snoozes)), Reasons.CaNotReachable, fault.Message),
    };

    /// <summary>It refused for the customer's CAA records, whatever the order is.</summary>
    public static bool IsAboutCaa(CertificateAuthorityException fault) =>
        fault.Code == "caa" || fault.Code?.StartsWith("caa_", StringComparison.Ordinal) == true;

    private static TimeSpan Longer(TimeSpan? asked, TimeSpan ours) => asked > ours ? asked.Value : ours;
}
