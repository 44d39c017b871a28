using System.Net;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains.Preflight;
using ControlPlane.Domains.Probing;
using ControlPlane.Domains.Running;
using ControlPlane.Http;
using ControlPlane.Nodes.Proving;
using ControlPlane.TokenStore;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Domains;

/// <summary>
/// PendingValidation: the token published, fetched back through every serving node's port 80 (the CA looks from several
/// places and may meet any node), and only then the CA asked to look.
/// </summary>
internal sealed class ProveControl(ITokenStore tokens, CaEyes eyes, TimeProvider time) : IStep
{
    /// <summary>A node on our own network that needs longer than this for a file is not well.</summary>
    private static readonly TimeSpan FetchLimit = TimeSpan.FromSeconds(3);

    /// <summary>A token is renewed this long before the CA forgets it, so that it never expires under a slow
    /// check.</summary>
    private static readonly TimeSpan ExpiryMargin = TimeSpan.FromDays(1);

    /// <summary>The longest a CA accepts a random value (Baseline Requirements 3.2.2.4.18): 30 days.</summary>
    private static readonly TimeSpan LongestToken = TimeSpan.FromDays(30);

    public async Task<StepResult> RunAsync(OrderRun run, CancellationToken ct)
    {
        var order = run.Order;
        if (order.CaStatus == CaWords.Issued)
        {
            return new StepResult.Advance(OrderState.PendingIssuance, "The CA has seen the token by itself.");
        }

        if (order.CaStatus == CaWords.Spent)
        {
            return await OrderAnewAsync(run, ct);
        }

        if (order.DcvValue is null || order.DcvExpiresAt < run.Now + ExpiryMargin)
        {
            if (await run.CallAsync("ReadToken", () => run.Ca.ReadTokenAsync(order.CaOrderId!, ct)) is not { } token)
            {
                // Shown to this CA before, for another order, or over: there is nothing to publish.
                return await CheckAsync(run, ct);
            }

            if (await RecordTokenAsync(run, token, ct))
            {
                return new StepResult.Again();
            }
        }

        if (order.TokenPublishedAt is null)
        {
            return await PublishAsync(run, ct);
        }

        return order.TokenSeenAt is null ? await FetchBackAsync(run, ct) : await CheckAsync(run, ct);
    }

    /// <summary>False when the CA still gives the token we have: some renew it only at its end, and until then it
    /// counts.</summary>
    private static async Task<bool> RecordTokenAsync(OrderRun run, DcvToken token, CancellationToken ct)
    {
        var order = run.Order;
        // A CA that names no end is held to the longest one it may grant.
        var expiresAt = token.ExpiresAt ?? run.Now + LongestToken;
        if (token.Value == order.DcvValue && expiresAt == order.DcvExpiresAt)
        {
            return false;
        }

        (order.DcvValue, order.DcvExpiresAt) = (token.Value, expiresAt);
        (order.TokenPublishedAt, order.TokenSeenAt) = (null, null);
        await run.CommitAsync("TokenRecorded", ct);
        return true;
    }

    private async Task<StepResult> PublishAsync(OrderRun run, CancellationToken ct)
    {
        var order = run.Order;
        try
        {
            await run.CallAsync("PublishToken", () => tokens.PublishAsync(
                order.Hostname, order.Sequence, run.Ca.TokenPlace, order.DcvValue!,
                order.DcvExpiresAt ?? run.Now + LongestToken, ct));
        }
        catch (TokenStoreException fault)
        {
            return new StepResult.Snooze(
                RetrySchedules.OwnPart.At(order.Snoozes), Reasons.TokenStoreNotReachable, fault.Message);
        }

        order.TokenPublishedAt = run.Now;
        run.Tell(EventTypes.TokenPublished, "The token is published.");
        await run.CommitAsync("TokenPublished", ct);
        return new StepResult.Again();
    }

    private async Task<StepResult> FetchBackAsync(OrderRun run, CancellationToken ct)
    {
        var order = run.Order;
        var nodes = await ServingNodes.ReadAsync(run.Db, run.Domain.FleetId, ct);
        if (nodes.Count == 0)
        {
            return new StepResult.Snooze(
                RetrySchedules.OwnPart.At(order.Snoozes), Reasons.NoServingNode,
                "There is none to fetch the token through.");
        }

        var values = await run.CallAsync("FetchBack", () => Task.WhenAll(nodes.Select(node => TokenFetch.FetchAsync(
            IPEndPoint.Parse(node.HttpEndpoint), order.Hostname, run.Ca.TokenPlace.PathOf(order.DcvValue!), FetchLimit,
            mostBytes: 1024, time, ct))));
        var blind = nodes.Where((_, index) => values[index].Body != order.DcvValue).Select(node => node.Name).ToList();
        if (blind.Count > 0)
        {
            return new StepResult.Snooze(
                RetrySchedules.OwnPart.At(order.Snoozes), Reasons.NodeTokenNotSeen,
                $"Not given back by {string.Join(", ", blind)}.");
        }

        order.TokenSeenAt = run.Now;
        run.Tell(EventTypes.TokenSeen, $"The token came back through all {nodes.Count} serving nodes.");
        await run.CommitAsync("TokenSeen", ct);
        return new StepResult.Again();
    }

    /// <summary>Another order at the CA in place of one that a failed look has ended: same key, same request. Free
    /// where that is so, and a lost answer leaves one that lapses.</summary>
    private static async Task<StepResult> OrderAnewAsync(OrderRun run, CancellationToken ct)
    {
        var (order, ca) = (run.Order, run.Ca);
        var request = await SubmitOrder.RequestAsync(run, ct);
        var placed = await run.CallAsync("PlaceOrder", () => ca.PlaceOrderAsync(request, CancellationToken.None));
        order.CaStatus = null;
        (order.TokenPublishedAt, order.TokenSeenAt) = (null, null);
        await SubmitOrder.AdoptAsync(run, ca, placed.CaOrderId, placed.CaCertificateId, placed.Token);
        run.Tell(EventTypes.OrderPlaced, $"{ca.Name} took it anew, as order {placed.CaOrderId}.");
        await run.CommitAsync("OrderedAnew", CancellationToken.None);
        return new StepResult.Again();
    }

    /// <summary>Every order the CA gave us for this one is written down; the first was not placed anew.</summary>
    private static async Task<int> PlacedAnewAsync(OrderRun run, CancellationToken ct) =>
        Math.Max(0, await run.Db.CaOrdersSeen.CountAsync(seen => seen.OrderId == run.Order.Id, ct) - 1);

    private async Task<StepResult> CheckAsync(OrderRun run, CancellationToken ct)
    {
        var (order, ca) = (run.Order, run.Ca);
        var check = await run.CallAsync("Check", () => order.CaStatus == CaWords.Looking
            ? ca.CheckAgainAsync(order.CaOrderId!, ct)
            : ca.CheckAsync(order.CaOrderId!, ct));
        if (check.Status == CaOrderStatus.Closed)
        {
            return new StepResult.Cancel(Reasons.CaClosedOrder, $"Order {order.CaOrderId} at {ca.Name}.");
        }

        if (check.StillLooking)
        {
            order.CaStatus = CaWords.Looking;
            return new StepResult.Snooze(
                check.AskAgainAfter ?? RetrySchedules.Untold.At(order.Snoozes), Reasons.CaValidating,
                "It is looking at the token.");
        }

        // Where one failed look ends an order, the next is placed when the wait is over.
        order.CaStatus = check.Status == CaOrderStatus.Spent ? CaWords.Spent : order.CaStatus;
        if (!check.TokenSeen)
        {
            // Looked at anew through every node before the CA is asked again: perhaps one has lost it since.
            order.TokenSeenAt = null;
            await run.CommitAsync("TokenNotSeen", ct);
            var look = order.DcvValue is null ? Look.Nothing : await eyes.LookAgainAsync(run, ct);
            order.Findings = look.Findings;
            var wait = check.Status == CaOrderStatus.Spent
                ? RetrySchedules.LookSpent.At(await PlacedAnewAsync(run, ct))
                : RetrySchedules.TokenNotSeen.At(order.Snoozes);
            return new StepResult.Snooze(
                wait, look.Blocking?.Reason ?? Reasons.CaTokenNotSeen,
                look.Blocking?.Detail ?? check.Detail ?? "The nodes gave it back to us.");
        }

        order.CaCertificateId = check.CaCertificateId ?? order.CaCertificateId;
        order.CaStatus = check.Status == CaOrderStatus.Issued ? CaWords.Issued : order.CaStatus;
        return new StepResult.Advance(OrderState.PendingIssuance, "The CA has seen the token.");
    }
}

/// <summary>The words in <see cref="Order.CaStatus"/> the path acts upon; all others are kept for people.</summary>
internal static class CaWords
{
    public const string Issued = "issued";

    /// <summary>The CA was asked to look and has not decided.</summary>
    public const string Looking = "looking";

    /// <summary>The CA's order is over and another one may be placed.</summary>
    public const string Spent = "spent";
}
