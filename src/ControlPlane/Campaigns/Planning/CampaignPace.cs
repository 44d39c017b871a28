using ControlPlane.CertificateAuthorities;

namespace ControlPlane.Campaigns.Planning;

/// <summary>
/// How fast a campaign goes, played on paper: turn by turn as <see cref="Working.CampaignSweep"/> opens successors, as
/// far as each CA's rolling windows let renewals through. Pure, so that a plan, a rehearsal and a test say the same.
/// </summary>
/// <param name="Costs">What a successor costs.</param>
/// <param name="OrdersPerTurn">How many stand before the CAs' doors at most: a turn fills up to that.</param>
/// <param name="BetweenTurns">From one turn to the next.</param>
/// <param name="OrderTime">From an order's opening to its proof on every node, where nothing queues.</param>
internal sealed record CampaignPace(
    CallCosts Costs, int OrdersPerTurn, TimeSpan BetweenTurns, TimeSpan OrderTime)
{
    /// <summary>When each order will be proven, counted from the start, in the order of rank.</summary>
    /// <param name="orders">The CA of each, in the order of rank.</param>
    /// <param name="spent">Calls of the last minutes, which the windows still count: the account, how long ago, how
    /// many.</param>
    public TimeSpan[] Proofs(IReadOnlyList<string> orders, IReadOnlyList<SpentCalls> spent)
    {
        var windows = orders.Distinct().ToDictionary(ca => ca, ca => Windows(ca, spent), StringComparer.Ordinal);
        var proofs = new TimeSpan[orders.Count];
        var atTheDoor = new List<int>();
        // The start falls somewhere between two turns.
        var now = BetweenTurns / 2;
        for (var next = 0; next < orders.Count || atTheDoor.Count > 0; now += BetweenTurns)
        {
            for (; next < orders.Count && atTheDoor.Count < OrdersPerTurn; next++)
            {
                atTheDoor.Add(next);
            }

            atTheDoor.RemoveAll(order =>
            {
                var budgets = windows[orders[order]];
                if (!budgets.TrueForAll(window => window.HasRoomAt(now)))
                {
                    return false;
                }

                budgets.ForEach(window => window.Spend(now));
                proofs[order] = now + OrderTime;
                return true;
            });
        }

        return proofs;
    }

    private List<RollingWindow> Windows(string ca, IReadOnlyList<SpentCalls> spent) =>
    [
        .. Costs.Of(ca).Select(cost => Rolling(cost, cost.Windows.ShortSeconds, cost.Windows.ShortLimit, spent)),
        .. Costs.Of(ca).Select(cost => Rolling(cost, cost.Windows.LongSeconds, cost.Windows.LongLimit, spent)),
    ];

    private static RollingWindow Rolling(BudgetCost cost, int seconds, int limit, IReadOnlyList<SpentCalls> spent)
    {
        // The same share, and the same second for the way to the CA, as the budget itself; but never less than one
        // order, or it would take for ever.
        var most = Math.Max((int)(limit * CallBudget.RenewalShare), cost.PerOrder);
        var window = new RollingWindow(TimeSpan.FromSeconds(seconds + 1), most, cost.PerOrder);
        foreach (var calls in spent.Where(calls => calls.Account == cost.Account).OrderByDescending(calls => calls.Ago))
        {
            window.SpendCalls(-calls.Ago, calls.Calls);
        }

        return window;
    }

    /// <summary>Calls of the last so many seconds.</summary>
    private sealed class RollingWindow(TimeSpan length, int most, int perOrder)
    {
        private readonly Queue<(TimeSpan At, int Calls)> _spent = new();
        private int _sum;

        /// <summary>Whether it lets an order through.</summary>
        public bool HasRoomAt(TimeSpan now)
        {
            while (_spent.TryPeek(out var first) && first.At <= now - length)
            {
                _sum -= _spent.Dequeue().Calls;
            }

            return most - _sum >= perOrder;
        }

        /// <summary>The calls of one order.</summary>
        public void Spend(TimeSpan at) => SpendCalls(at, perOrder);

        public void SpendCalls(TimeSpan at, int calls)
        {
            if (calls > 0)
            {
                _spent.Enqueue((at, calls));
                _sum += calls;
            }
        }
    }
}

/// <summary>Calls that a budget has granted.</summary>
internal sealed record SpentCalls(string Account, TimeSpan Ago, int Calls);
