using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains.Running;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains;

/// <summary>
/// The database may have been set back to a moment before this order was placed: the CA is asked under the order's id
/// before anything is bought.
/// <list type="bullet">
/// <item>Our key is here: what the CA has was asked for with it, and is adopted.</item>
/// <item>Our key was made after that moment and is lost. An issued order is paid for: it is reissued over a fresh key,
/// for nothing. A pending one is canceled.</item>
/// </list>
/// </summary>
internal sealed class DoubtedOrder(Authorities authorities)
{
    public async Task<StepResult> SettleAsync(OrderRun run, CancellationToken ct)
    {
        var (order, ca) = (run.Order, run.Ca);
        if (order.CaOrderId is not null)
        {
            // To be reissued: the CA's order is read before that, and tells whether our key is under it already.
            (order.DoubtedAt, order.ReissueBaseline) = (null, null);
            await run.CommitAsync("DoubtSettled", ct);
            return new StepResult.Again();
        }

        var found = await run.CallAsync("LookUpDoubted", () => ca.FindAsync(order.Id, ct));
        var live = found.Where(IsLive).ToList();
        order.DoubtedAt = null;
        if (order.KeyId is not null && live.Count > 0)
        {
            order.SubmittedAt = run.Now;
            order.CaStatus = live[0].StatusWord;
            await SubmitOrder.AdoptAsync(run, ca, live[0].CaOrderId, live[0].CaCertificateId, token: null);
            run.Tell(
                EventTypes.OrderAdopted,
                $"Found as order {live[0].CaOrderId} at {ca.Name}, which this database had forgotten: adopted, nothing "
                + "ordered twice.");
            return new StepResult.Advance(OrderState.PendingValidation, "Found again.");
        }

        await SortOutAsync(run, ca, live, ct);
        await run.CommitAsync("DoubtSettled", ct);
        return new StepResult.Again();
    }

    /// <summary>A name that is registered again after its registration was forgotten: what the CA took for it then is
    /// used up before anything is bought.</summary>
    /// <remarks>At whichever CA that was. What another one than this order's has issued is of no use to it.</remarks>
    /// <returns>True when there was something.</returns>
    public async Task<bool> TakeOverAsync(OrderRun run, CancellationToken ct)
    {
        var found = await run.Db.FoundCaOrders.Where(row => row.Hostname == run.Order.Hostname)
            .OrderBy(row => row.CaOrderId).ToListAsync(ct);
        if (found.Count == 0)
        {
            return false;
        }

        foreach (var atOne in found.GroupBy(row => row.Ca))
        {
            var ca = authorities.Of(atOne.Key);
            var live = new List<CaOrder>();
            foreach (var row in atOne)
            {
                var told = await run.CallAsync("ReadFound", () => ca.ReadAsync(row.CaOrderId, ct));
                if (IsLive(told))
                {
                    live.Add(told);
                }
            }

            await SortOutAsync(run, ca, live, ct);
        }

        run.Db.RemoveRange(found);
        await run.CommitAsync("TakenOver", ct);
        return true;
    }

    private static bool IsLive(CaOrder order) => order.Status is not (CaOrderStatus.Closed or CaOrderStatus.Spent);

    /// <summary>None of these has a key any more: the first issued one is to be reissued, pending ones are
    /// canceled.</summary>
    private static async Task SortOutAsync(
        OrderRun run, ICertificateAuthority ca, IReadOnlyList<CaOrder> live, CancellationToken ct)
    {
        foreach (var pending in live.Where(candidate => candidate.Status != CaOrderStatus.Issued))
        {
            await run.CallAsync("Cancel", () => ca.CancelAsync(
                pending.CaOrderId, "Its key was lost in a restore; the name is ordered anew.", ct));
            run.Tell(
                EventTypes.OrderSurplusCanceled,
                $"Order {pending.CaOrderId} at {ca.Name} was placed with a key that is lost, and is canceled.");
        }

        if (ca == run.Ca)
        {
            run.Order.CaOrderId = live.FirstOrDefault(candidate => candidate.Status == CaOrderStatus.Issued)?.CaOrderId;
        }
    }
}
