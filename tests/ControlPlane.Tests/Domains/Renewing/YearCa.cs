using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ControlPlane.CertificateAuthorities;
using ControlPlane.TokenStore;

namespace ControlPlane.Tests.Domains.Renewing;

/// <summary>A CA with CertCentral's rules, on the test's clock: an order is paid for and covers a year; certificates of
/// 47 days are reissued under it for nothing, none beyond its end, one at a time.</summary>
internal sealed class YearCa(TestPki pki, FakeClock clock) : ICertificateAuthority
{
    public const int Days = 47;

    private readonly DateTimeOffset _start = clock.GetUtcNow();

    public string Name => "year CA";

    public TokenPlace TokenPlace => TokenPlace.FileAuth;

    public int Perspectives => 1;

    public IReadOnlyList<string> ValidatorAgents => [];

    public TimeSpan PlaceOrderTimeout => TimeSpan.FromSeconds(20);

    public IReadOnlyList<TimeSpan> LookupSchedule { get; } =
        [TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(5)];

    public IReadOnlyList<string> CaaIdentities => [];

    public bool TellsOfChanges => true;

    public List<Sold> Orders { get; } = [];

    /// <summary>How often each kind of answer was lost.</summary>
    public List<string> Lost { get; } = [];

    /// <summary>Nobody answers.</summary>
    public bool IsAway { get; set; }

    /// <summary>Takes reissues and drops them.</summary>
    public bool DropsReissues { get; set; }

    /// <summary>The next answer of this call is lost: after the call was carried out, or before.</summary>
    public (string Call, bool IsDone)? LoseNext { get; set; }

    public DateTimeOffset? CoveredUntil(DateTimeOffset placedAt) => placedAt.AddYears(1);

    public Task<PlacedOrder> PlaceOrderAsync(OrderRequest request, CancellationToken ct) => Call("place", () =>
    {
        var now = clock.GetUtcNow();
        var sold = new Sold(
            $"{1000 + Orders.Count}", request.Order, request.Hostname, now, now.AddYears(1), request.RenewalOf);
        sold.Asked.Add(new Asked($"{sold.Id}-1", request.Csr));
        Orders.Add(sold);
        return new PlacedOrder(sold.Id, sold.Asked[^1].Id, new DcvToken($"value-{sold.Id}-1", null));
    });

    public Task<PlacedOrder> ReissueAsync(string caOrderId, OrderRequest request, CancellationToken ct) =>
        Call("reissue", () =>
        {
            var sold = Find(caOrderId);
            if (sold.Asked[^1].Chain is null || clock.GetUtcNow() >= sold.End)
            {
                throw new CertificateAuthorityException(CaFailure.Refused, "Not now.", "order_has_pending_request");
            }

            sold.Asked.Add(new Asked($"{sold.Id}-{sold.Asked.Count + 1}", request.Csr));
            var id = sold.Asked[^1].Id;
            if (DropsReissues)
            {
                sold.Asked.RemoveAt(sold.Asked.Count - 1);
            }

            return new PlacedOrder(caOrderId, id, new DcvToken($"value-{id}", null));
        });

    public Task<IReadOnlyList<CaOrder>> FindAsync(Guid order, CancellationToken ct) => Call(
        "find", () => (IReadOnlyList<CaOrder>)[.. Orders.Where(sold => sold.Order == order).Select(Told)]);

    public Task<CaOrder> ReadAsync(string caOrderId, CancellationToken ct) => Call("read", () => Told(Find(caOrderId)));

    public Task<DcvToken?> ReadTokenAsync(string caOrderId, CancellationToken ct) =>
        Call("token", () => (DcvToken?)new DcvToken($"value-{Find(caOrderId).Asked[^1].Id}", null));

    public Task<DcvCheck> CheckAsync(string caOrderId, CancellationToken ct) => Call("check", () =>
    {
        var sold = Find(caOrderId);
        if (sold.Asked[^1] is { Chain: null } awaited)
        {
            var now = clock.GetUtcNow();
            var end = now.AddDays(Days) < sold.End ? now.AddDays(Days) : sold.End;
            var days = (int)(end - now).TotalDays;
            awaited.Chain = [pki.Leaf(awaited.Csr, [sold.Hostname], now - _start, days), pki.Intermediate];
        }

        return new DcvCheck(CaOrderStatus.Pending, null, TokenSeen: true);
    });

    public Task<CaOrder> IssueAsync(string caOrderId, byte[] csr, CancellationToken ct) => ReadAsync(caOrderId, ct);

    public Task<IReadOnlyList<CaOrder>> ChangesAsync(TimeSpan window, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<CaOrder>>([]);

    public Task<IReadOnlyList<PlacedEarlier>> PlacedSinceAsync(
        DateTimeOffset since, Func<IReadOnlyList<string>, Task<IReadOnlySet<string>>> unknown, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<PlacedEarlier>>([]);

    public Task<IReadOnlyList<byte[]>> DownloadAsync(string caCertificateId, CancellationToken ct) =>
        Call("download", () => (IReadOnlyList<byte[]>)Orders.SelectMany(sold => sold.Asked)
            .Single(one => one.Id == caCertificateId).Chain!);

    public Task<RevocationAnswer> RevokeAsync(Revocation revocation, CancellationToken ct) =>
        throw new NotSupportedException();

    public Task CancelAsync(string caOrderId, string note, CancellationToken ct) => throw new NotSupportedException();

    private Sold Find(string id) => Orders.Single(sold => sold.Id == id);

    private static CaOrder Told(Sold sold)
    {
        var status = sold.Asked[^1].Chain is null ? CaOrderStatus.Pending : CaOrderStatus.Issued;
        return new CaOrder(sold.Id, sold.Asked[^1].Id, status, status.ToString().ToLowerInvariant(), null)
        {
            ValidUntil = sold.End,
            Csr = sold.Asked[^1].Csr,
            RequestIds = [.. sold.Asked.Select(one => $"request of {one.Id}")],
            Reissues = sold.Asked.Count - 1,
        };
    }

    private Task<T> Call<T>(string call, Func<T> answer)
    {
        if (IsAway)
        {
            throw new CertificateAuthorityException(CaFailure.NotDone, "Nobody answers.");
        }

        if (LoseNext is { } lose && lose.Call == call)
        {
            LoseNext = null;
            Lost.Add(call);
            if (lose.IsDone)
            {
                answer();
            }

            throw new CertificateAuthorityException(CaFailure.AnswerLost, "The line broke.");
        }

        return Task.FromResult(answer());
    }

    /// <summary>What was paid for.</summary>
    internal sealed record Sold(
        string Id, Guid Order, string Hostname, DateTimeOffset Begin, DateTimeOffset End, string? RenewalOf)
    {
        public List<Asked> Asked { get; } = [];
    }

    /// <summary>A certificate that was asked for.</summary>
    internal sealed record Asked(string Id, byte[] Csr)
    {
        public byte[][]? Chain { get; set; }

        public string Key => Convert.ToHexString(SHA256.HashData(
            CertificateRequest.LoadSigningRequest(Csr, HashAlgorithmName.SHA256).PublicKey
                .ExportSubjectPublicKeyInfo()));
    }
}
