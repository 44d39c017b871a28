using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains.Renewing;
using ControlPlane.Domains.Running;

namespace ControlPlane.Forecasts.Replaying;

/// <summary>
/// Two years of a fleet, from event to event on a clock of its own: no database, nodes or network, but the product's
/// own decisions. <see cref="RenewalMoment"/> plans each renewal, <see cref="OrderYear"/> tells which are bought, the
/// soonest expiry goes first, every call waits for the windows of <see cref="CallWindows"/>, and what fails is repeated
/// on <see cref="RetrySchedules"/>.
/// </summary>
internal sealed class Replay
{
    private readonly PaperFleet _fleet;
    private readonly PaperCa _ca;
    private readonly PaperBudget _budget = new(CallWindows.CertCentral);
    private readonly CallLog _log = new(CallWindows.CertCentral);

    /// <summary>Who has something to do, and when; null is the status poll.</summary>
    private readonly PriorityQueue<PaperDomain?, DateTimeOffset> _next = new();

    /// <summary>Who waits for the renewals' share of the budget; who is not served yet comes last.</summary>
    private readonly PriorityQueue<PaperDomain, DateTimeOffset> _toPlace = new();

    /// <summary>Who has begun and waits for any budget.</summary>
    private readonly Queue<PaperDomain?> _begun = new();

    private readonly int[] _orders = new int[PaperFleet.Days];
    private readonly Dictionary<DateOnly, int> _planned = [];
    private readonly List<PaperDomain> _domains;
    private DateTimeOffset _now = PaperFleet.Start;
    private int _atCa;
    private bool _polling;
    private int _unserved;
    private int _firstCertificates;
    private int _firstCycleDays = PaperFleet.Days;
    private int _late;
    private TimeSpan? _smallestMargin;

    private Replay(PaperFleet fleet)
    {
        _fleet = fleet;
        _ca = new PaperCa(fleet);
        _domains = [.. Enumerable.Range(0, fleet.Domains).Select(_ => new PaperDomain(_ca.NewId()))];
        _unserved = _firstCertificates = fleet.Domains;
    }

    public static ReplayResult Run(PaperFleet fleet) => new Replay(fleet).Run();

    private ReplayResult Run()
    {
        var pace = TimeSpan.FromDays(_fleet.ArriveOverDays) / _fleet.Domains;
        foreach (var (at, domain) in _domains.Index())
        {
            _next.Enqueue(domain, PaperFleet.Start + (at * pace));
        }

        while (_now < PaperFleet.End)
        {
            TakeDue();
            Spend();
            var waiting = _begun.Count + _toPlace.Count > 0;
            var due = _next.TryPeek(out _, out var at) ? at : PaperFleet.End;
            _now = waiting && _now + PaperBudget.Pause < due ? _now + PaperBudget.Pause : due;
        }

        // Expired and not yet replaced: late, however it ends.
        _late += _domains.Count(domain => domain.ServedUntil < PaperFleet.End);
        return new ReplayResult(_fleet, _orders, _ca.Bought, _ca.Outages, _firstCycleDays, _late, _smallestMargin)
        {
            Calls = _log.Calls,
            CallsOverBudget = _log.Over,
            PeakCallsPerMinute = _log.PeakPerMinute,
            PeakCallsPerMinuteRenewing = _log.PeakPerMinuteRenewing,
        };
    }

    private void TakeDue()
    {
        while (_next.TryPeek(out var domain, out var at) && at <= _now)
        {
            _next.Dequeue();
            if (domain is not null && domain.Step == OrderCalls.PerOrder)
            {
                Serve(domain);
            }
            else if (domain is not null && OrderCalls.All[domain.Step].Priority == CallPriority.Renewal)
            {
                _toPlace.Enqueue(domain, domain.ServedUntil ?? DateTimeOffset.MaxValue);
            }
            else
            {
                _begun.Enqueue(domain);
            }
        }
    }

    private void Spend()
    {
        while (_begun.Count > 0 && _budget.TryTake(_now, CallPriority.New))
        {
            _log.Add(_now);
            if (_begun.Dequeue() is { } domain)
            {
                Call(domain);
            }
            else
            {
                _polling = false;
                PollWhileAnyWaits();
            }
        }

        while (_toPlace.Count > 0 && _budget.TryTake(_now, CallPriority.Renewal))
        {
            _log.Add(_now);
            Call(_toPlace.Dequeue());
        }
    }

    /// <summary>One call of the order's way, and what follows from its answer.</summary>
    private void Call(PaperDomain domain)
    {
        if (_ca.IsAway(_now))
        {
            Snooze(domain, RetrySchedules.CaAway);
            return;
        }

        switch (domain.Step)
        {
            case 0:
                _ca.Take(domain, _now);
                _orders[(_now - PaperFleet.Start).Days]++;
                _atCa++;
                PollWhileAnyWaits();
                break;
            case 1 when !_ca.SeesToken():
                Snooze(domain, RetrySchedules.TokenNotSeen);
                return;
            case 2:
                domain.Issued = _ca.Issue(domain, _now);
                break;
            case 3:
                _atCa--;
                break;
        }

        _next.Enqueue(domain, _now + OrderCalls.All[domain.Step].Then);
        (domain.Step, domain.Snoozes) = (domain.Step + 1, 0);
    }

    private void Snooze(PaperDomain domain, IReadOnlyList<TimeSpan> schedule) =>
        _next.Enqueue(domain, _now + schedule.At(domain.Snoozes++));

    private void PollWhileAnyWaits()
    {
        if (_atCa > 0 && !_polling)
        {
            _polling = true;
            _next.Enqueue(null, _now + OrderCalls.Poll);
        }
    }

    /// <summary>Every node has proven the new certificate: the old one counts no more, and the next renewal is
    /// planned.</summary>
    private void Serve(PaperDomain domain)
    {
        if (domain.ServedUntil is { } end)
        {
            var margin = end - _now;
            _late += margin < TimeSpan.Zero ? 1 : 0;
            _smallestMargin = margin < _smallestMargin ? margin : _smallestMargin ?? margin;
        }

        CountFirsts(domain);
        if (domain.PlannedOn is { } past)
        {
            _planned[past]--;
        }

        var (notBefore, notAfter) = domain.Issued;
        var moment = RenewalMoment.Choose(
            domain.Id, notBefore, notAfter, _now, day => _planned.GetValueOrDefault(day));
        var planned = DateOnly.FromDateTime(moment.UtcDateTime);
        _planned[planned] = _planned.GetValueOrDefault(planned) + 1;
        (domain.ServedUntil, domain.PlannedOn, domain.Step) = (notAfter, planned, 0);
        _next.Enqueue(domain, moment);
    }

    private void CountFirsts(PaperDomain domain)
    {
        if (domain.ServedUntil is null)
        {
            if (--_unserved == 0)
            {
                _log.EveryoneIsServed();
            }
        }
        else if (!domain.HasRenewed)
        {
            domain.HasRenewed = true;
            if (--_firstCertificates == 0)
            {
                _firstCycleDays = (_now - PaperFleet.Start).Days + 1;
            }
        }
    }
}
