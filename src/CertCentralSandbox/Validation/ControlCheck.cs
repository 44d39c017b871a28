using CertCentralSandbox.Faults;
using CertCentralSandbox.Issuing;
using CertCentralSandbox.Orders;
using CertCentralSandbox.Time;

namespace CertCentralSandbox.Validation;

/// <summary>
/// Checks the open names of an order from all perspectives, records what was seen, and has the order signed when
/// nothing is open and its time has come. Used by the CA's own polling and by check-dcv alike. The network is asked
/// outside every lock; what was seen is recorded only if the order still waits for the same random value.
/// </summary>
internal sealed partial class ControlCheck(
    OrderBook book,
    TokenFetch files,
    DnsTokens dnsTokens,
    Signing signing,
    FaultBoard faults,
    SandboxClock clock,
    SandboxOptions options,
    ILogger<ControlCheck> log)
{
    /// <summary>Looks at all open names, or only at <paramref name="only"/>; returns the order as it then
    /// stands.</summary>
    /// <param name="id">The order.</param>
    /// <param name="only">Names to look at; null means all open ones.</param>
    /// <param name="asked">True for check-dcv, false for the CA's own polling.</param>
    /// <param name="cancellation">Ends the look; nothing is recorded then.</param>
    public async Task<CertificateOrder> RunAsync(
        long id, IReadOnlyCollection<string>? only, bool asked, CancellationToken cancellation)
    {
        var order = book.Find(id)!;
        if (order is { Validation: { } validation, Awaited: { } awaited, Status: not OrderStatus.NeedsApproval })
        {
            if (validation is { IssueAt: null, Stuck: false } && validation.RandomValueExpiresAt > clock.Now)
            {
                var open = awaited.DnsNames.Except(validation.Approved)
                    .Where(n => only?.Contains(n, StringComparer.OrdinalIgnoreCase) ?? true).ToList();
                var seen = await Task.WhenAll(open.Select(n => SeenAsync(n, validation, cancellation)));
                var approved = open.Where((_, i) => seen[i]).ToList();
                if (approved.Count > 0)
                {
                    order = book.Change(id, o => Approve(o, validation.RandomValue, approved, asked));
                }
            }

            order = signing.IssueIfDue(id);
        }

        return order;
    }

    private CertificateOrder Approve(
        CertificateOrder order, string randomValue, IReadOnlyCollection<string> approved, bool asked)
    {
        if (order is not { Validation: { IssueAt: null } validation, Awaited: { } awaited }
            || validation.RandomValue != randomValue)
        {
            return order;
        }

        var all = validation with { Approved = [.. validation.Approved.Union(approved)] };
        if (awaited.DnsNames.Except(all.Approved).Any())
        {
            return order with { Validation = all };
        }

        var names = awaited.DnsNames;
        all = faults.Fires(Fault.StuckPending, names) ? all with { Stuck = true }
            : asked && faults.Fires(Fault.LateSelfIssue, out var late, names)
                ? all with { Concealed = true, IssueAt = clock.Now + TimeSpan.FromSeconds(late.Value) }
            : faults.Fires(Fault.SlowIssue, out var slow, names)
                ? all with { IssueAt = clock.Now + TimeSpan.FromSeconds(slow.Value) }
            : all with { IssueAt = clock.Now + options.IssueDelay };
        return order with { Validation = all };
    }

    private async Task<bool> SeenAsync(string name, ControlValidation validation, CancellationToken cancellation)
    {
        if (validation.Method is DcvMethod.DnsTxt or DcvMethod.DnsCname)
        {
            return await dnsTokens.SeenAsync(name, validation, cancellation);
        }

        if (validation.Method != DcvMethod.Http)
        {
            return false; // email: nobody here reads mail
        }

        var flaps = faults.Fires(Fault.FlappingToken, [name]);
        var contained = faults.Fires(Fault.TokenMayBeContained, [name]);
        return await CorroborateAsync(name, Accepts, cancellation);

        bool Accepts(string body) => !flaps && (contained
            ? body.Contains(validation.RandomValue, StringComparison.Ordinal)
            : body.Trim() == validation.RandomValue);
    }

    /// <summary>Whether enough perspectives see a file at the name that <paramref name="accepts"/> takes.</summary>
    public async Task<bool> CorroborateAsync(string name, Func<string, bool> accepts, CancellationToken cancellation)
    {
        var down = faults.Fires(Fault.FailingPerspectives, out var failing, [name]) ? failing.Value : 0;
        var outcomes = await Task.WhenAll(Enumerable.Range(1, options.Perspectives).Select(p =>
            p <= down
                ? Task.FromResult(FetchOutcome.PerspectiveDown)
                : files.LookAsync(name, p, accepts, cancellation)));
        var reached = Corroboration.Reached(outcomes.Count(o => o == FetchOutcome.Found), outcomes.Length);
        if (!reached)
        {
            NotSeen(log, name, string.Join(' ', outcomes));
        }

        return reached;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Name}: not corroborated, perspectives say {Outcomes}")]
    private static partial void NotSeen(ILogger log, string name, string outcomes);
}
