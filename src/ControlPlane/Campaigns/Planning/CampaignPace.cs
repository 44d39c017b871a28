using ControlPlane.CertificateAuthorities;

namespace ControlPlane.Campaigns.Planning;

/// <summary>
/// How fast a campaign goes, played on paper: turn by turn as <see cref="Working.CampaignSweep"/> opens successors, as
/// far as the CA's rolling windows let renewals through. Pure, so that a plan, a rehearsal and a test say the same.
/// </summary>
/// <param name="Costs">What a successor costs.</param>
/// <param name="OrdersPerTurn">How many a turn opens at most.</param>
/// <param name="BetweenTurns">From one turn to the next.</param>
/// <param name="OrderTime">From an order's opening to its proof on every node, where nothing queues.</param>
internal sealed record CampaignPace(
    CallCosts Costs, int OrdersPerTurn, TimeSpan BetweenTurns, TimeSpan OrderTime)
{
    /// <summary>When each order will be proven, counted from the start, in the order of rank.</summary>
    /// <param name="orders">How many.</param>
    /// <param name="spent">Calls of the last minutes, which the windows still count: the account, how long ago, how
    /// many.</param>
    public TimeSpan[] Proofs(int orders, IReadOnlyList<SpentCalls> spent)
    {
        var windows = Costs.Budgets.SelectMany(cost => new[]
        {
            Rolling(cost, cost.Windows.ShortSeconds, cost.Windows.ShortLimit, spent),
            Rolling(cost, cost.Windows.LongSeconds, cost.Windows.LongLimit, spent),
        }).ToList();
        var proofs = new TimeSpan[orders];
        // The start falls somewhere between two turns.
        var now = BetweenTurns / 2;
        for (var opened = 0; opened < orders; now += BetweenTurns)
        {
            var room = windows.Min(window => window.RoomAt(now));
            var turn = Math.Min(Math.Min(OrdersPerTurn, room), orders - opened);
            windows.ForEach(window => window.Spend(now, turn));
            Array.Fill(proofs, now + OrderTime, opened, turn);
            opened += turn;
        }

        return proofs;
    }

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

        /// <summary>Orders that it lets through.</summary>
        public int RoomAt(TimeSpan now)
        {
            while (_spent.TryPeek(out var first) && first.At <= now - length)
            {
                _sum -= _spent.Dequeue().Calls;
            }

            return Math.Max(0, (most - _sum) / perOrder);
        }

        public void Spend(TimeSpan at, int orders) => SpendCalls(at, orders * perOrder);

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
