using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains.Leaving;
using ControlPlane.Domains.Running;
using ControlPlane.Http;

namespace ControlPlane.Domains.Renewing;

/// <summary>
/// What is particular about asking for a further certificate under the CA's present order: whether it is worth it, how
/// the order stood before, and what became of a call whose answer was lost. Such a call carries no id of ours: the
/// order is read, and our public key tells.
/// </summary>
internal sealed partial class ReissueOrder(ILogger log)
{
    /// <summary>For a certificate of the CA's order that somebody else awaits, or one of ours that was given up and is
    /// being canceled.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    /// <summary>Decides between a reissue and a new order, by what this database knows. A reissue costs nothing.
    /// </summary>
    public static async Task ChooseAsync(OrderRun run, CancellationToken ct)
    {
        var order = run.Order;
        if (order is not { Kind: OrderKind.Renewal, CaOrderId: null })
        {
            return;
        }

        var last = await Predecessor.OfAsync(run.Db, order, ct);
        if (last is not { CaOrderId: { } caOrder, CaValidUntil: { } end })
        {
            return;
        }

        if (last.IsCoveredUntil(end, run.Now))
        {
            order.ReissueUnder(caOrder, end);
        }
        else
        {
            order.PlaceAnew(renewalOf: caOrder);
        }
    }

    /// <summary>Reads the CA's order and records how it stands; or learns that a new one is needed.</summary>
    public static async Task<StepResult> LookBeforeAsync(OrderRun run, CancellationToken ct)
    {
        var (order, ca) = (run.Order, run.Ca);
        CaOrder told;
        try
        {
            told = await run.CallAsync("ReadBeforeReissue", () => ca.ReadAsync(order.CaOrderId!, ct));
        }
        catch (CertificateAuthorityException fault) when (fault.Failure == CaFailure.Refused)
        {
            return await PlaceAnewAsync(run, fault.Message, ct);
        }

        if (told.Csr is not null && IsOurs(order, told))
        {
            return await AdoptAsync(run, told);
        }

        order.CaValidUntil = told.ValidUntil ?? order.CaValidUntil;
        if (told.Status is not (CaOrderStatus.Issued or CaOrderStatus.Closed)
            && run.Now - order.StateSince < LongestWait)
        {
            return new StepResult.Snooze(
                RetrySchedules.Issuing.At(order.Snoozes), Reasons.CaValidating,
                $"Order {order.CaOrderId} is {told.StatusWord}: another certificate of it comes first.");
        }

        if (told.Status != CaOrderStatus.Issued)
        {
            return await PlaceAnewAsync(run, $"It is {told.StatusWord}.", ct);
        }

        if (order.Kind == OrderKind.Reissue && order.CaValidUntil is { } end
            && await Predecessor.OfAsync(run.Db, order, ct) is { } last && !last.IsCoveredUntil(end, run.Now))
        {
            return await PlaceAnewAsync(run, $"It ends at {Leave.Day(end)}.", ct);
        }

        order.ReissueBaseline = ReissueBaseline.Of(told);
        await run.CommitAsync("Baseline", ct);
        return new StepResult.Again();
    }

    /// <summary>After a lost answer.</summary>
    /// <returns>How it ends; null when nothing has arrived there so far.</returns>
    public async Task<StepResult?> LookUpAsync(OrderRun run, CancellationToken ct)
    {
        var (order, ca) = (run.Order, run.Ca);
        var told = await run.CallAsync("LookUpReissue", () => ca.ReadAsync(order.CaOrderId!, ct));
        if (IsOurs(order, told))
        {
            return await AdoptAsync(run, told);
        }

        if (order.ReissueBaseline!.IsStill(told))
        {
            return null;
        }

        LogForeign(order.Hostname, order.CaOrderId!);
        return new StepResult.Cancel(
            RenewalReasons.ForeignReissue, $"Order {order.CaOrderId} at {ca.Name} holds a key that is not ours.");
    }

    /// <summary>The CA refused the reissue: unless an earlier call has been carried out all the same, the certificate
    /// gets an order of its own, which says what it follows.</summary>
    public static async Task<StepResult> RefusedAsync(
        OrderRun run, CertificateAuthorityException refusal, CancellationToken ct)
    {
        var told = await run.CallAsync("ReadAfterRefusal", () => run.Ca.ReadAsync(run.Order.CaOrderId!, ct));
        return IsOurs(run.Order, told)
            ? await AdoptAsync(run, told)
            : await PlaceAnewAsync(run, refusal.Message, ct);
    }

    private static async Task<StepResult> AdoptAsync(OrderRun run, CaOrder told)
    {
        var (order, ca) = (run.Order, run.Ca);
        // What it waits for from here on is a certificate, and that is not the one it had.
        order.ReissueBaseline ??= ReissueBaseline.Of(told) with { CertificateId = null };
        order.SubmittedAt ??= run.Now;
        order.CaStatus = told.StatusWord;
        await SubmitOrder.AdoptAsync(run, ca, told.CaOrderId, told.CaCertificateId, token: null);
        run.Tell(
            EventTypes.OrderAdopted,
            $"Our key is under order {told.CaOrderId} at {ca.Name} already: adopted, nothing asked for twice.");
        return new StepResult.Advance(OrderState.PendingValidation, "Found again.");
    }

    private static async Task<StepResult> PlaceAnewAsync(OrderRun run, string why, CancellationToken ct)
    {
        var order = run.Order;
        run.Tell(
            EventTypes.OrderNotReissued,
            $"Order {order.CaOrderId} at {run.Ca.Name} is not reissued: {why} A new order follows it.");
        order.PlaceAnew(renewalOf: order.CaOrderId);
        order.SubmittedAt = null;
        await run.CommitAsync("NotReissued", ct);
        return new StepResult.Again();
    }

    /// <summary>Whether the order's newest certificate, issued or awaited, is over the key we asked for. A CA that does
    /// not show the request is believed when something was asked for at all: what it hands out is held against our key
    /// before it is used.</summary>
    private static bool IsOurs(Order order, CaOrder told)
    {
        if (told.Csr is null)
        {
            return order.ReissueBaseline is { } before && !before.IsStill(told);
        }

        try
        {
            return KeyIn(told.Csr).AsSpan().SequenceEqual(KeyIn(order.Csr!));
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private static byte[] KeyIn(byte[] csr) => CertificateRequest.LoadSigningRequest(csr, HashAlgorithmName.SHA256)
        .PublicKey.ExportSubjectPublicKeyInfo();

    [LoggerMessage(
        Level = LogLevel.Critical,
        Message = "ALARM: for {Hostname} a certificate over a key that is not ours was asked for under CA order "
            + "{CaOrder}: nothing is asked for on top of it")]
    private partial void LogForeign(string hostname, string caOrder);
}
