using System.Security.Cryptography;
using ControlPlane.TokenStore;

namespace ControlPlane.CertificateAuthorities.Acme;

/// <summary>
/// An ACME CA as the path sees it: one name per order, HTTP-01. An order's id is its URL, a certificate's too. Nothing
/// it is asked costs money by itself, so that no call is looked up: it is made again, and what was made before lapses.
/// </summary>
internal sealed class AcmeAuthority(AcmeClient client, AcmeOptions options, TimeProvider time) : ICertificateAuthority
{
    public string Name => options.Name;

    public TokenPlace TokenPlace => TokenPlace.AcmeChallenge;

    public int Perspectives => options.Perspectives;

    public IReadOnlyList<string> ValidatorAgents => options.ValidatorAgents;

    /// <remarks>The first call of a program reads the directory and asks for the account, in three more.</remarks>
    public TimeSpan PlaceOrderTimeout => client.Longest;

    /// <remarks>ACME knows no id of ours, and CAs list no orders.</remarks>
    public IReadOnlyList<TimeSpan> LookupSchedule => [];

    public IReadOnlyList<string> CaaIdentities => options.CaaIdentities;

    public bool TellsOfChanges => false;
    public bool TellsRenewalWindows => true;

    public async Task<PlacedOrder> PlaceOrderAsync(OrderRequest request, CancellationToken ct)
    {
        // One limit for all of it: a lease must outlive the call.
        using var limit = new CancellationTokenSource(PlaceOrderTimeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        try
        {
            return new PlacedOrder((await NewOrderAsync(request, both.Token)).AbsoluteUri, null, Token: null);
        }
        catch (OperationCanceledException late) when (!ct.IsCancellationRequested)
        {
            throw AcmeProblems.NoAnswer(Name, AcmeRoute.NewOrder, $"none within {PlaceOrderTimeout}", late);
        }
    }

    /// <remarks>Every certificate is an order of its own.</remarks>
    public Task<PlacedOrder> ReissueAsync(string caOrderId, OrderRequest request, CancellationToken ct) =>
        PlaceOrderAsync(request, ct);

    public Task<IReadOnlyList<CaOrder>> FindAsync(Guid order, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<CaOrder>>([]);

    public async Task<CaOrder> ReadAsync(string caOrderId, CancellationToken ct)
    {
        var order = await client.OrderAsync(UrlOf(caOrderId), ct);
        return Told(caOrderId, order.Value, order.RetryAfter);
    }

    public async Task<DcvToken?> ReadTokenAsync(string caOrderId, CancellationToken ct)
    {
        var order = (await client.OrderAsync(UrlOf(caOrderId), ct)).Value;
        if (order.Status != AcmeWords.Pending)
        {
            return null;
        }

        foreach (var url in order.Authorizations ?? [])
        {
            var authorization = (await client.AuthorizationAsync(url, ct)).Value;
            if (authorization.Status == AcmeWords.Pending)
            {
                return Http01(authorization).Token is var token && AcmeWords.IsToken(token)
                    ? new DcvToken($"{token}.{await client.ThumbprintAsync(ct)}", authorization.Expires)
                    : throw AcmeProblems.NoAnswer(Name, AcmeRoute.Read, "its token is none");
            }
        }

        return null;
    }

    public Task<DcvCheck> CheckAsync(string caOrderId, CancellationToken ct) => CheckAsync(caOrderId, true, ct);

    public Task<DcvCheck> CheckAgainAsync(string caOrderId, CancellationToken ct) => CheckAsync(caOrderId, false, ct);

    public async Task<CaOrder> IssueAsync(string caOrderId, byte[] csr, CancellationToken ct)
    {
        var (order, wait) = await client.OrderAsync(UrlOf(caOrderId), ct);
        if (order is { Status: AcmeWords.Ready, Finalize: { } finalize })
        {
            try
            {
                (order, wait) = await client.FinalizeAsync(finalize, csr, ct);
            }
            catch (CertificateAuthorityException fault)
                when (fault.Failure == CaFailure.Refused || fault.Code == AcmeProblems.OrderNotReady)
            {
                // Said no, and yet perhaps done, by this call or by one before it: the order tells. A CA that bills has
                // been seen to refuse what it then issued.
                (order, wait) = await client.OrderAsync(UrlOf(caOrderId), ct);
                if (order.Status is AcmeWords.Ready or AcmeWords.Pending)
                {
                    throw;
                }
            }
        }

        return Told(caOrderId, order, wait);
    }

    public Task<IReadOnlyList<CaOrder>> ChangesAsync(TimeSpan window, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<CaOrder>>([]);

    /// <remarks>None is worth a call: what nobody finalizes lapses, and costs nothing.</remarks>
    public Task<IReadOnlyList<PlacedEarlier>> PlacedSinceAsync(
        DateTimeOffset since, Func<IReadOnlyList<string>, Task<IReadOnlySet<string>>> unknown, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<PlacedEarlier>>([]);

    public async Task<IReadOnlyList<byte[]>> DownloadAsync(string caCertificateId, CancellationToken ct)
    {
        try
        {
            var choice = new ChainChoice(client, options.PreferredIssuer);
            var chain = await choice.DownloadAsync(UrlOf(caCertificateId), ct);
            return chain.Count > 0
                ? chain
                : throw AcmeProblems.NoAnswer(Name, AcmeRoute.Read, "the download holds no leaf certificate");
        }
        catch (CryptographicException fault)
        {
            throw AcmeProblems.NoAnswer(Name, AcmeRoute.Read, "the download is not a certificate", fault);
        }
    }

    /// <remarks>ACME cancels no orders. Its authorization could be given up, but may be another order's too: CAs use
    /// one for all of a name's.</remarks>
    public Task CancelAsync(string caOrderId, string note, CancellationToken ct) => Task.CompletedTask;

    public Task ProbeAsync(CancellationToken ct) => client.ProbeAsync(ct);

    public async Task<RenewalWindow?> RenewalWindowAsync(byte[] leaf, CancellationToken ct)
    {
        if (CertificateId.Of(leaf) is not { } id || await client.RenewalAsync(id, ct) is not { } answer)
        {
            return null;
        }

        // "If the end is not later than the start, the answer is invalid" (RFC 9773 §4.2): as if none had come.
        return answer.Value.SuggestedWindow is { } window && window.End > window.Start
            ? new RenewalWindow(
                window.Start, window.End, answer.Value.Why, RetryAfter.ForRenewal(answer.RetryAfter))
            : throw AcmeProblems.NoAnswer(Name, AcmeRoute.RenewalInfo, "its window is none");
    }

    public async Task<RevocationAnswer> RevokeAsync(Revocation revocation, CancellationToken ct)
    {
        try
        {
            await client.RevokeAsync(revocation.Leaf, revocation.Reason, ct);
            return new RevocationAnswer(RevocationStanding.Revoked);
        }
        catch (CertificateAuthorityException fault) when (fault.Code == AcmeProblems.AlreadyRevoked)
        {
            return new RevocationAnswer(RevocationStanding.Revoked);
        }
    }

    private async Task<DcvCheck> CheckAsync(string caOrderId, bool answer, CancellationToken ct)
    {
        var (order, orderWait) = await client.OrderAsync(UrlOf(caOrderId), ct);
        if (order.Status is AcmeWords.Ready or AcmeWords.Processing or AcmeWords.Valid)
        {
            var told = Told(caOrderId, order, orderWait);
            return new DcvCheck(told.Status, told.CaCertificateId, TokenSeen: true);
        }

        var wait = orderWait;
        string? detail = order.Error is null ? null : AcmeProblems.Told(order.Error);
        foreach (var url in order.Authorizations ?? [])
        {
            var (authorization, authorizationWait) = await client.AuthorizationAsync(url, ct);
            if (authorization.Status != AcmeWords.Pending)
            {
                detail = authorization.Challenges?.FirstOrDefault(challenge => challenge.Error is not null)?.Error
                    is { } error ? AcmeProblems.Told(error) : detail;
                continue;
            }

            var challenge = Http01(authorization);
            // Some let it read "pending" while they look: another word would be another look.
            wait = answer && challenge.Status == AcmeWords.Pending
                ? await AnswerAsync(challenge, ct) ?? authorizationWait
                : authorizationWait;
        }

        return order.Status == AcmeWords.Invalid
            ? new DcvCheck(CaOrderStatus.Spent, null, TokenSeen: false) { Detail = detail ?? "It does not say why." }
            : new DcvCheck(CaOrderStatus.Pending, null, TokenSeen: false)
            {
                StillLooking = true,
                AskAgainAfter = RetryAfter.ForPoll(wait),
            };
    }

    private async Task<Uri> NewOrderAsync(OrderRequest request, CancellationToken ct)
    {
        var replaces = request.Replaces is { } leaf && (await client.DirectoryAsync(ct)).RenewalInfo is not null
            ? CertificateId.Of(leaf)
            : null;
        try
        {
            return await client.NewOrderAsync(request.Hostname, replaces, request.Priority, ct);
        }
        catch (CertificateAuthorityException fault) when (replaces is not null && fault.Failure == CaFailure.Refused)
        {
            // Replaced before, or another account's: a renewal that is not counted as one is still a renewal.
            return await client.NewOrderAsync(request.Hostname, null, request.Priority, ct);
        }
    }

    /// <returns>When to look again; null: the CA did not say.</returns>
    private async Task<TimeSpan?> AnswerAsync(AcmeChallenge challenge, CancellationToken ct)
    {
        try
        {
            return (await client.AnswerAsync(challenge.Url!, ct)).RetryAfter;
        }
        catch (CertificateAuthorityException fault) when (fault.Failure == CaFailure.Refused)
        {
            // Decided since it was read. The order is read again in a moment, and tells how.
            return null;
        }
    }

    private AcmeChallenge Http01(AcmeAuthorization authorization) =>
        authorization.Challenges?.FirstOrDefault(challenge => challenge is { Type: "http-01", Url: not null })
        ?? throw new CertificateAuthorityException(
            CaFailure.Refused, $"{Name} does not offer to look for a file at this name.");

    private static CaOrder Told(string id, AcmeOrder order, TimeSpan? wait) => new(
        id, order.Certificate?.AbsoluteUri, AcmeWords.Meaning(order),
        order.Error is null ? order.Status ?? "" : $"{order.Status} ({AcmeProblems.Told(order.Error)})", Serial: null)
    {
        AskAgainAfter = RetryAfter.ForPoll(wait),
    };

    /// <summary>An id of another CA is one this one cannot be asked about, whatever the settings were before.</summary>
    private Uri UrlOf(string id) => Uri.TryCreate(id, UriKind.Absolute, out var url)
        ? url
        : throw AcmeProblems.NoAnswer(Name, AcmeRoute.Read, $"{id} is another CA's");
}
