using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains.Bundles;
using ControlPlane.Domains.Ownership;
using ControlPlane.Domains.Running;
using ControlPlane.Http;
using ControlPlane.Jobs;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Epochs;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains;

/// <summary>
/// PendingIssuance: the certificate downloaded and verified against our key, name and dates; then bundle and desired
/// state recorded in one commit. What does not verify is never recorded, and never ordered anew: it is fetched again.
/// </summary>
internal sealed class CollectBundle(ChainVerifier verifier, IDesiredStatePublisher publisher, IWakes wakes) : IStep
{
    /// <summary>A validated reissue that is not there by then was taken back at the CA.</summary>
    private static readonly TimeSpan LongestReissue = TimeSpan.FromDays(1);

    public async Task<StepResult> RunAsync(OrderRun run, CancellationToken ct)
    {
        var order = run.Order;
        if (order.CaStatus != CaWords.Issued || order.CaCertificateId is null)
        {
            return await AskAsync(run, ct);
        }

        IReadOnlyList<byte[]> chain;
        try
        {
            chain = await run.CallAsync("Download", () => run.Ca.DownloadAsync(order.CaCertificateId, ct));
        }
        catch (CertificateAuthorityException fault) when (fault.Failure == CaFailure.Refused)
        {
            // "Issued" a moment ago and not to be had yet: CAs are not of one mind. The order is not at fault.
            order.CaStatus = null;
            return new StepResult.Snooze(RetrySchedules.Issuing.At(order.Snoozes), Reasons.CaIssuing, fault.Message);
        }

        if (verifier.FaultOf(order, chain) is { } wrong)
        {
            // Of a reissued order it may be the certificate before: which one is the newest is asked again.
            order.CaCertificateId = null;
            return new StepResult.Snooze(RetrySchedules.Issuing.At(order.Snoozes), Reasons.CaWrongCertificate, wrong);
        }

        return await RecordAsync(run, IssuedBundle.Read(run, chain), ct);
    }

    /// <summary>Asks for the certificate and reads the one order: the status poll tells of most changes, but not of
    /// those that came before it looked, and not at every CA.</summary>
    private static async Task<StepResult> AskAsync(OrderRun run, CancellationToken ct)
    {
        var (order, ca) = (run.Order, run.Ca);
        var told = await run.CallAsync("ReadOrder", () => ca.IssueAsync(order.CaOrderId!, order.Csr!, ct));
        order.CaCertificateId = told.CaCertificateId ?? order.CaCertificateId;
        order.CaStatus = told.StatusWord;
        order.CaValidUntil = told.ValidUntil ?? order.CaValidUntil;
        var isOld = order.CaCertificateId is not null
            && order.CaCertificateId == order.ReissueBaseline?.CertificateId;
        switch (told.Status)
        {
            case CaOrderStatus.Issued when isOld && run.Now - order.StateSince > LongestReissue:
                return new StepResult.Cancel(
                    Reasons.CaClosedOrder, $"Order {order.CaOrderId} still holds the certificate from before.");
            case CaOrderStatus.Issued when isOld:
                return new StepResult.Snooze(
                    RetrySchedules.Issuing.At(order.Snoozes), Reasons.CaIssuing,
                    $"Order {order.CaOrderId} still shows the certificate from before.");
            case CaOrderStatus.Issued when order.CaCertificateId is not null:
                order.CaStatus = CaWords.Issued;
                await run.CommitAsync("Issued", ct);
                return new StepResult.Again();
            case CaOrderStatus.Closed or CaOrderStatus.Spent:
                return new StepResult.Cancel(Reasons.CaClosedOrder, $"Order {order.CaOrderId} is {told.StatusWord}.");
            default:
                var schedule = ca.TellsOfChanges ? RetrySchedules.Issuing : RetrySchedules.Untold;
                return new StepResult.Snooze(
                    told.AskAgainAfter ?? schedule.At(order.Snoozes), Reasons.CaIssuing,
                    $"Order {order.CaOrderId} is {told.StatusWord}.");
        }
    }

    private async Task<StepResult> RecordAsync(OrderRun run, IssuedBundle issued, CancellationToken ct)
    {
        var (order, domain) = (run.Order, run.Domain);
        if (await run.Db.Bundles.AnyAsync(
            known => known.Issuer == issued.Bundle.Issuer && known.Serial == issued.Bundle.Serial, ct))
        {
            return new StepResult.Snooze(
                RetrySchedules.Issuing.At(order.Snoozes),
                Reasons.CaWrongCertificate,
                $"Serial {issued.Bundle.Serial} was given out before, which RFC 5280 forbids.");
        }

        // Asked again: a database put back under a running program is noticed a moment later than its first orders.
        switch (await Contest.ForgottenPastAsync(run, ct))
        {
            case ForgottenPast.NotTold:
                return new StepResult.Snooze(
                    RetrySchedules.Nodes.At(order.Snoozes), Reasons.RestoreUnsettled, Reasons.RestoreUnsettled.Fix);
            case ForgottenPast.InUse:
                return new StepResult.Cancel(
                    Reasons.UsedBeforeRestore,
                    $"{domain.Hostname} was in use before a restore, and its account is not known any more.");
        }

        if (!await issued.RecordAsync(run, wakes, publisher, ct))
        {
            return new StepResult.Snooze(TimeSpan.Zero, Reasons.OwnershipLost, Reasons.OwnershipLost.Title);
        }

        run.Tell(
            EventTypes.BundleCollected,
            $"Certificate {issued.Bundle.Serial}, valid until {issued.Bundle.NotAfter:yyyy-MM-dd}, is verified and "
            + "recorded.");
        return new StepResult.Advance(OrderState.PendingDeployment, $"{domain.Hostname} is handed to the nodes.");
    }
}
