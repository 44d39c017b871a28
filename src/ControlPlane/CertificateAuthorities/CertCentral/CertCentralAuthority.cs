using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using ControlPlane.TokenStore;
using static ControlPlane.CertificateAuthorities.CertCentral.CertCentralFaults;

namespace ControlPlane.CertificateAuthorities.CertCentral;

/// <summary>CertCentral as the path sees a CA: one name per order, DV, the token in a file.</summary>
internal sealed class CertCentralAuthority(ICertCentralApi api, CertCentralOptions options, TimeProvider time)
    : ICertificateAuthority
{
    // The API refuses a longer window with time_frame_too_long.
    private static readonly TimeSpan LongestWindow = TimeSpan.FromDays(7);

    /// <summary>Its name in <c>CertificateAuthorities:Default</c>.</summary>
    public const string TheName = "certcentral";

    public string Name => TheName;

    public TokenPlace TokenPlace => TokenPlace.FileAuth;

    public bool TellsOfChanges => true;

    public int Perspectives => options.Perspectives;

    public IReadOnlyList<string> ValidatorAgents => options.ValidatorAgents;

    /// <inheritdoc/>
    /// <remarks>The wait for the budget is part of it: a lease must outlive both.</remarks>
    public TimeSpan PlaceOrderTimeout => options.BudgetPatience + options.HttpTimeout;

    public IReadOnlyList<TimeSpan> LookupSchedule => options.LookupSchedule;

    public IReadOnlyList<string> CaaIdentities => options.CaaIdentities;

    public Task<PlacedOrder> PlaceOrderAsync(OrderRequest request, CancellationToken ct) => PaidAsync(async () =>
    {
        var placed = await api.PlaceOrderAsync(options.Product, BodyOf(request), request.Priority, ct);
        return placed.Id is { } id
            ? new PlacedOrder(id, placed.CertificateId, TokenOf(placed))
            // The CA said 201: there is an order, only we do not know which.
            : throw new CertificateAuthorityException(CaFailure.AnswerLost, "The CA took an order without naming it.");
    });

    public DateTimeOffset? CoveredUntil(DateTimeOffset placedAt) => placedAt.AddYears(options.OrderValidityYears);

    public Task<PlacedOrder> ReissueAsync(string caOrderId, OrderRequest request, CancellationToken ct) =>
        PaidAsync(async () =>
        {
            var body = new ReissueBody { Certificate = BodyOf(request).Certificate };
            var placed = await api.ReissueAsync(caOrderId, body, request.Priority, ct);
            return new PlacedOrder(caOrderId, placed.CertificateId, TokenOf(placed));
        });

    public Task<IReadOnlyList<CaOrder>> FindAsync(Guid order, CancellationToken ct) => FreeAsync(async () =>
    {
        try
        {
            // Rows carry no date; ids grow, so that the shortest and then smallest is the oldest.
            var rows = await api.FindByAlternativeIdAsync(AlternativeId(order), ct);
            return (IReadOnlyList<CaOrder>)
                [.. Orders(rows).OrderBy(o => o.CaOrderId.Length).ThenBy(o => o.CaOrderId, StringComparer.Ordinal)];
        }
        catch (CertCentralException e) when (e.SaysNotFound)
        {
            return [];
        }
    });

    public Task<CaOrder> ReadAsync(string caOrderId, CancellationToken ct) =>
        FreeAsync(async () => (await api.GetOrderAsync(caOrderId, ct)).Told(caOrderId));

    public Task<DcvToken?> ReadTokenAsync(string caOrderId, CancellationToken ct) => FreeAsync(async () =>
    {
        var value = await api.DcvRandomValueAsync(caOrderId, ct);
        return (DcvToken?)(string.IsNullOrWhiteSpace(value.DcvRandomValue)
            ? throw new CertificateAuthorityException(CaFailure.NotDone, "The CA gave no random value.")
            : new DcvToken(value.DcvRandomValue, value.ExpirationDate));
    });

    public Task<DcvCheck> CheckAsync(string caOrderId, CancellationToken ct) => FreeAsync(async () =>
    {
        try
        {
            var check = await api.CheckDcvAsync(caOrderId, ct);
            var status = CertCentralStatus.Read(check.OrderStatus);
            return new DcvCheck(
                status,
                status == CaOrderStatus.Issued ? check.CertificateId : null,
                status == CaOrderStatus.Issued || check.DnsNameValidations.All(v => v.Status is "approved" or "valid"));
        }
        catch (CertCentralException e) when (e.Has("file_random_value_not_found") || e.Has("invalid_dns_txt"))
        {
            // "Not yet", not an error.
            return new DcvCheck(CaOrderStatus.Pending, null, TokenSeen: false);
        }
    });

    /// <inheritdoc/>
    /// <remarks>It has had the request since the order was placed, and issues by itself.</remarks>
    public Task<CaOrder> IssueAsync(string caOrderId, byte[] csr, CancellationToken ct) => ReadAsync(caOrderId, ct);

    public Task<IReadOnlyList<CaOrder>> ChangesAsync(TimeSpan window, CancellationToken ct) => FreeAsync(async () =>
    {
        var seconds = Math.Ceiling((window < LongestWindow ? window : LongestWindow).TotalSeconds);
        var rows = await api.StatusChangesAsync(Math.Max(1, (int)seconds), ct);
        return (IReadOnlyList<CaOrder>)[.. Orders(rows)];
    });

    public Task<IReadOnlyList<PlacedEarlier>> PlacedSinceAsync(
        DateTimeOffset since, Func<IReadOnlyList<string>, Task<IReadOnlySet<string>>> unknown, CancellationToken ct) =>
        FreeAsync(async () =>
        {
            var found = new List<PlacedEarlier>();
            var query = new OrderQuery();
            while (true)
            {
                var page = (await api.ListOrdersAsync(query, ct)).Orders;
                var recent = page.TakeWhile(row => row.DateCreated is null || row.DateCreated >= since)
                    .Where(row => row.Id is not null).ToList();
                var worth = await unknown([.. recent.Select(row => row.Id!)]);
                foreach (var row in recent.Where(row => worth.Contains(row.Id!)))
                {
                    var order = await api.GetOrderAsync(row.Id!, ct);
                    if (Guid.TryParseExact(order.AlternativeOrderId, "D", out var ours)
                        && order.Certificate?.CommonName is { } name)
                    {
                        found.Add(new PlacedEarlier(row.Id!, ours, name, order.Status ?? ""));
                    }
                }

                if (page.Count < query.Limit || recent.Count < page.Count)
                {
                    return (IReadOnlyList<PlacedEarlier>)found;
                }

                query = query with { Offset = query.Offset + page.Count };
            }
        });

    public Task<IReadOnlyDictionary<string, CaOrder>> FindIssuedAsync(
        IReadOnlyList<IssuedEarlier> certificates, CancellationToken ct) =>
        FreeAsync(() => new IssuedOrders(api).FindAsync(certificates, ct));

    public Task<IReadOnlyList<byte[]>> DownloadAsync(string caCertificateId, CancellationToken ct) =>
        FreeAsync(() => DownloadOnceAsync(caCertificateId, ct));

    public Task CancelAsync(string caOrderId, string note, CancellationToken ct) => FreeAsync(async () =>
    {
        try
        {
            await api.CancelOrderAsync(caOrderId, new CancelBody(note), ct);
        }
        catch (CertCentralException e) when (e.SaysNotFound)
        {
            return true;
        }
        catch (CertCentralException e) when (!e.Transient && !e.CredentialRefused)
        {
            // No code is documented for "already closed": what counts is what the order says of itself.
            var order = await api.GetOrderAsync(caOrderId, ct);
            if (CertCentralStatus.Read(order.Status) != CaOrderStatus.Closed)
            {
                throw;
            }
        }

        return true;
    });

    public Task<RevocationAnswer> RevokeAsync(Revocation revocation, CancellationToken ct) => FreeAsync(async () =>
    {
        using var leaf = X509CertificateLoader.LoadCertificate(revocation.Leaf);
        var reason = JsonNamingPolicy.CamelCase.ConvertName(revocation.Reason.ToString());
        try
        {
            // A request object comes back when a person of the account has to approve it; else nothing does.
            var asked = await api.RevokeCertificateAsync(
                leaf.SerialNumber, new RevokeBody(reason, revocation.Note), ct);
            return asked is null ? new RevocationAnswer(RevocationStanding.Revoked) : CertCentralStatus.Read(asked);
        }
        catch (CertCentralException e) when (e.Has("order_already_revoked") || e.Has("order_is_revoked"))
        {
            return new RevocationAnswer(RevocationStanding.Revoked);
        }
    });

    public Task<RevocationAnswer> ReadRevocationAsync(string request, CancellationToken ct) =>
        FreeAsync(async () => CertCentralStatus.Read(await api.GetRequestAsync(request, ct)));

    private OrderBody BodyOf(OrderRequest request) => new()
    {
        Certificate = new CertificateBody
        {
            CommonName = request.Hostname,
            DnsNames = [request.Hostname],
            Csr = PemEncoding.WriteString("CERTIFICATE REQUEST", request.Csr) + "\n",
            // One that would outlive its order is refused; without a wish it is as long as the order allows.
            CertValidity = options.CertificateValidityDays is { } days && !(Left(request) < days)
                ? new ValidityBody(Days: days)
                : null,
        },
        OrderValidity = new ValidityBody(Years: options.OrderValidityYears),
        PaymentMethod = options.PaymentMethod,
        AlternativeOrderId = AlternativeId(request.Order),
        RenewalOfOrderId = long.TryParse(request.RenewalOf, CultureInfo.InvariantCulture, out var before)
            ? before
            : null,
        Container = options.ContainerId is { } container ? new ContainerBody(container) : null,
    };

    // A download that is not there yet, or is no certificate, is fetched again; it is never a reason to order again.
    private async Task<IReadOnlyList<byte[]>> DownloadOnceAsync(string caCertificateId, CancellationToken ct)
    {
        try
        {
            var chain = PemChain.LeafFirst(await api.DownloadPemAsync(caCertificateId, ct));
            return chain.Count > 0 ? chain : throw Incomplete("The download holds no leaf certificate.");
        }
        catch (CertCentralException e) when (e.SaysNotFound)
        {
            throw Incomplete("The certificate is not there yet.", e);
        }
        catch (CryptographicException e)
        {
            throw Incomplete("The download is not a certificate.", e);
        }

        static CertificateAuthorityException Incomplete(string message, Exception? inner = null) =>
            new(CaFailure.NotDone, message, inner: inner);
    }

    private double? Left(OrderRequest request) => (request.CoveredUntil - time.GetUtcNow())?.TotalDays;

    private static string AlternativeId(Guid order) => order.ToString("D");

    // DV has one value for all names of the order; other products, and perhaps later answers, one in each domain.
    private static DcvToken? TokenOf(OrderPlaced placed) => !string.IsNullOrWhiteSpace(placed.DcvRandomValue)
        ? new DcvToken(placed.DcvRandomValue, null)
        : placed.Domains.Select(d => d.DcvToken).FirstOrDefault(t => !string.IsNullOrWhiteSpace(t?.Token)) is { } token
            ? new DcvToken(token.Token!, token.ExpirationDate)
            : null;

    private static IEnumerable<CaOrder> Orders(OrderRows rows) => rows.Orders.Where(r => r.OrderId is not null)
        .Select(r => new CaOrder(
            r.OrderId!, r.CertificateId, CertCentralStatus.Read(r.Status), r.Status ?? "", Serial: null));
}
