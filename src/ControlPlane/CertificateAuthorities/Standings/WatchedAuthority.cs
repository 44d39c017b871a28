using ControlPlane.TokenStore;

namespace ControlPlane.CertificateAuthorities.Standings;

/// <summary>A CA, and a note of how it answered each call.</summary>
internal sealed class WatchedAuthority(ICertificateAuthority ca, CaStandings standings) : ICertificateAuthority
{
    public string Name => ca.Name;

    public TokenPlace TokenPlace => ca.TokenPlace;

    public int Perspectives => ca.Perspectives;

    public IReadOnlyList<string> ValidatorAgents => ca.ValidatorAgents;

    public TimeSpan PlaceOrderTimeout => ca.PlaceOrderTimeout;

    public IReadOnlyList<TimeSpan> LookupSchedule => ca.LookupSchedule;

    public IReadOnlyList<string> CaaIdentities => ca.CaaIdentities;

    public bool TellsOfChanges => ca.TellsOfChanges;

    public bool TellsRenewalWindows => ca.TellsRenewalWindows;

    public DateTimeOffset? CoveredUntil(DateTimeOffset placed) => ca.CoveredUntil(placed);

    public Task<PlacedOrder> PlaceOrderAsync(OrderRequest request, CancellationToken ct) =>
        WatchAsync(() => ca.PlaceOrderAsync(request, ct), CaCalls.Orders, request.Hostname);

    public Task<PlacedOrder> ReissueAsync(string caOrderId, OrderRequest request, CancellationToken ct) =>
        WatchAsync(() => ca.ReissueAsync(caOrderId, request, ct), CaCalls.Orders, request.Hostname);

    public Task<IReadOnlyList<CaOrder>> FindAsync(Guid order, CancellationToken ct) =>
        WatchAsync(() => ca.FindAsync(order, ct));

    public Task<CaOrder> ReadAsync(string caOrderId, CancellationToken ct) =>
        WatchAsync(() => ca.ReadAsync(caOrderId, ct));

    public Task<DcvToken?> ReadTokenAsync(string caOrderId, CancellationToken ct) =>
        WatchAsync(() => ca.ReadTokenAsync(caOrderId, ct));

    public Task<DcvCheck> CheckAsync(string caOrderId, CancellationToken ct) =>
        WatchAsync(() => ca.CheckAsync(caOrderId, ct));

    public Task<DcvCheck> CheckAgainAsync(string caOrderId, CancellationToken ct) =>
        WatchAsync(() => ca.CheckAgainAsync(caOrderId, ct));

    public Task<CaOrder> IssueAsync(string caOrderId, byte[] csr, CancellationToken ct) =>
        WatchAsync(() => ca.IssueAsync(caOrderId, csr, ct));

    public Task<IReadOnlyList<CaOrder>> ChangesAsync(TimeSpan window, CancellationToken ct) =>
        WatchAsync(() => ca.ChangesAsync(window, ct));

    public Task<IReadOnlyList<PlacedEarlier>> PlacedSinceAsync(
        DateTimeOffset since, Func<IReadOnlyList<string>, Task<IReadOnlySet<string>>> unknown, CancellationToken ct) =>
        WatchAsync(() => ca.PlacedSinceAsync(since, unknown, ct));

    public Task<IReadOnlyDictionary<string, CaOrder>> FindIssuedAsync(
        IReadOnlyList<IssuedEarlier> certificates, CancellationToken ct) =>
        WatchAsync(() => ca.FindIssuedAsync(certificates, ct));

    public Task<IReadOnlyList<byte[]>> DownloadAsync(string caCertificateId, CancellationToken ct) =>
        WatchAsync(() => ca.DownloadAsync(caCertificateId, ct));

    public Task<RenewalWindow?> RenewalWindowAsync(byte[] leaf, CancellationToken ct) =>
        WatchAsync(() => ca.RenewalWindowAsync(leaf, ct));

    public Task<RevocationAnswer> RevokeAsync(Revocation revocation, CancellationToken ct) =>
        WatchAsync(() => ca.RevokeAsync(revocation, ct));

    public Task<RevocationAnswer> ReadRevocationAsync(string request, CancellationToken ct) =>
        WatchAsync(() => ca.ReadRevocationAsync(request, ct));

    public Task CancelAsync(string caOrderId, string note, CancellationToken ct) => WatchAsync(async () =>
    {
        await ca.CancelAsync(caOrderId, note, ct);
        return true;
    });

    public Task ProbeAsync(CancellationToken ct) => WatchAsync(async () =>
    {
        await ca.ProbeAsync(ct);
        return true;
    });

    private async Task<T> WatchAsync<T>(
        Func<Task<T>> call, CaCalls calls = CaCalls.Others, string? hostname = null)
    {
        T answer;
        try
        {
            answer = await call();
        }
        catch (CertificateAuthorityException fault)
        {
            await standings.FailedAsync(ca.Name, calls, fault, hostname);
            throw;
        }

        await standings.AnsweredAsync(ca.Name, calls);
        return answer;
    }
}
