using System.Collections.Concurrent;
using ControlPlane.CertificateAuthorities;
using ControlPlane.CertificateAuthorities.CertCentral;
using ControlPlane.TokenStore;

namespace ControlPlane.Tests.Domains;

/// <summary>
/// A stand-in for a CA, which is the one part of the path that is not ours to run: answers as the test says, and
/// remembers what was asked. Every call of <see cref="PlaceOrderAsync"/> would have cost money.
/// </summary>
internal sealed class StandInCa : ICertificateAuthority
{
    public const string OrderId = "ca-1";
    public const string CertificateId = "cert-1";

    public string Name { get; init; } = CertCentralAuthority.TheName;

    public TokenPlace TokenPlace { get; set; }

    public bool TellsOfChanges { get; set; } = true;

    public int Perspectives => 5;

    public IReadOnlyList<string> ValidatorAgents { get; } = ["DigiCert DCV"];

    public TimeSpan PlaceOrderTimeout { get; set; } = TimeSpan.FromSeconds(20);

    public IReadOnlyList<string> CaaIdentities { get; init; } = ["ca.example", "old-brand.example"];

    public IReadOnlyList<TimeSpan> LookupSchedule { get; set; } =
        [TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(5)];

    public ConcurrentQueue<OrderRequest> Paid { get; } = new();

    public ConcurrentQueue<string> Reissued { get; } = new();

    /// <summary>What the CA's list tells of.</summary>
    public List<(DateTimeOffset At, PlacedEarlier Placed)> Earlier { get; } = [];

    /// <summary>Free calls by name, in order.</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    public ConcurrentQueue<string> Canceled { get; } = new();

    public Func<OrderRequest, Task<PlacedOrder>> OnPlace { get; set; } =
        _ => Task.FromResult(new PlacedOrder(OrderId, CertificateId, Token: null));

    public Func<string, OrderRequest, PlacedOrder> OnReissue { get; set; } =
        (bought, _) => new PlacedOrder(bought, CertificateId, Token: null);

    /// <summary>When it would have a certificate renewed; unset: it never tells.</summary>
    public Func<byte[], RenewalWindow?>? OnWindow { get; set; }

    public bool TellsRenewalWindows => OnWindow is not null;

    public Func<Guid, IReadOnlyList<CaOrder>> OnFind { get; set; } = _ => [];

    public Func<CaOrder> OnRead { get; set; } = () => Told(CaOrderStatus.Pending);

    public Func<DcvToken?> OnToken { get; set; } = () => new DcvToken("value-1", null);

    public Func<DcvCheck> OnCheck { get; set; } = () => new DcvCheck(CaOrderStatus.Pending, null, TokenSeen: true);

    public Func<IReadOnlyList<byte[]>> OnDownload { get; set; } = () => [];

    public Action<string> OnCancel { get; set; } = _ => { };

    public Func<Revocation, RevocationAnswer> OnRevoke { get; set; } =
        _ => new RevocationAnswer(RevocationStanding.Revoked);

    public Func<RevocationAnswer> OnApproval { get; set; } = () => new RevocationAnswer(RevocationStanding.Revoked);

    public IReadOnlyList<CaOrder> Changes { get; set; } = [];

    public Func<IReadOnlyList<CaOrder>> OnChanges
    {
        get => field ?? (() => Changes);
        set;
    }

    public static CaOrder Told(CaOrderStatus status, string id = OrderId) => new(
        id, status == CaOrderStatus.Issued ? CertificateId : null, status, status.ToString().ToLowerInvariant(), null);

    public static CertificateAuthorityException Fault(CaFailure failure, TimeSpan? retryAfter = null) =>
        new(failure, "Said the stand-in.", retryAfter: retryAfter);

    public Task<PlacedOrder> PlaceOrderAsync(OrderRequest request, CancellationToken ct)
    {
        Paid.Enqueue(request);
        return OnPlace(request);
    }

    public Task<PlacedOrder> ReissueAsync(string caOrderId, OrderRequest request, CancellationToken ct)
    {
        Reissued.Enqueue(caOrderId);
        return Task.FromResult(OnReissue(caOrderId, request));
    }

    public async Task<IReadOnlyList<PlacedEarlier>> PlacedSinceAsync(
        DateTimeOffset since, Func<IReadOnlyList<string>, Task<IReadOnlySet<string>>> unknown, CancellationToken ct)
    {
        var recent = Earlier.Where(order => order.At >= since).Select(order => order.Placed).ToList();
        var worth = await unknown([.. recent.Select(order => order.CaOrderId)]);
        return [.. recent.Where(order => worth.Contains(order.CaOrderId))];
    }

    /// <summary>What was bought by hand, by serial.</summary>
    public Dictionary<string, string> BoughtByHand { get; } = [];

    /// <summary>How often it was asked for such orders.</summary>
    public int Questions { get; private set; }

    public Task<IReadOnlyDictionary<string, CaOrder>> FindIssuedAsync(
        IReadOnlyList<IssuedEarlier> certificates, CancellationToken ct)
    {
        Questions++;
        return Task.FromResult<IReadOnlyDictionary<string, CaOrder>>(certificates
            .Where(one => BoughtByHand.ContainsKey(one.Serial))
            .ToDictionary(
                one => one.Hostname,
                one => new CaOrder(BoughtByHand[one.Serial], "cert-1", CaOrderStatus.Issued, "issued", one.Serial)));
    }

    public Task<IReadOnlyList<CaOrder>> FindAsync(Guid order, CancellationToken ct) =>
        Answer("find", () => OnFind(order));

    public Task<CaOrder> ReadAsync(string caOrderId, CancellationToken ct) => Answer("read", OnRead);

    public Task<DcvToken?> ReadTokenAsync(string caOrderId, CancellationToken ct) => Answer("token", OnToken);

    public Task<DcvCheck> CheckAsync(string caOrderId, CancellationToken ct) => Answer("check", OnCheck);

    public Task<CaOrder> IssueAsync(string caOrderId, byte[] csr, CancellationToken ct) => ReadAsync(caOrderId, ct);

    public Task<RevocationAnswer> RevokeAsync(Revocation revocation, CancellationToken ct) =>
        Answer("revoke", () => OnRevoke(revocation));

    public Task<RevocationAnswer> ReadRevocationAsync(string request, CancellationToken ct) =>
        Answer($"request {request}", OnApproval);

    public Task<RenewalWindow?> RenewalWindowAsync(byte[] leaf, CancellationToken ct) =>
        Answer("window", () => OnWindow!(leaf));

    public Task<IReadOnlyList<CaOrder>> ChangesAsync(TimeSpan window, CancellationToken ct) =>
        Answer("changes", OnChanges);

    public Task<IReadOnlyList<byte[]>> DownloadAsync(string caCertificateId, CancellationToken ct) =>
        Answer("download", OnDownload);

    public Task CancelAsync(string caOrderId, string note, CancellationToken ct) => Answer("cancel", () =>
    {
        OnCancel(caOrderId);
        Canceled.Enqueue(caOrderId);
        return true;
    });

    private Task<T> Answer<T>(string call, Func<T> answer)
    {
        Asked.Enqueue(call);
        return Task.FromResult(answer());
    }
}
