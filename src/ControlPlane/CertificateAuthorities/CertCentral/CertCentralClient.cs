using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace ControlPlane.CertificateAuthorities.CertCentral;

/// <summary>
/// The typed client: routes and bodies here, everything about sending in <see cref="CertCentralWire"/>.
/// </summary>
internal sealed class CertCentralClient(CertCentralWire wire) : ICertCentralApi
{
    private static readonly CertCentralJson Json = CertCentralJson.Default;

    public Task<OrderPlaced> PlaceOrderAsync(
        string product, OrderBody body, CallPriority priority, CancellationToken ct) =>
        AskAsync(Post("order/certificate/{0}", product, priority).With(body, Json.OrderBody), Json.OrderPlaced, ct);

    public Task<OrderPlaced> ReissueAsync(
        string orderId, ReissueBody body, CallPriority priority, CancellationToken ct)
    {
        var call = Post("order/certificate/{0}/reissue", orderId, priority);
        return AskAsync(call.With(body, Json.ReissueBody), Json.OrderPlaced, ct);
    }

    public Task<OrderPlaced> DuplicateAsync(
        string orderId, ReissueBody body, CallPriority priority, CancellationToken ct)
    {
        var call = Post("order/certificate/{0}/duplicate", orderId, priority);
        return AskAsync(call.With(body, Json.ReissueBody), Json.OrderPlaced, ct);
    }

    public Task<OrderDetails> GetOrderAsync(string orderId, CancellationToken ct) =>
        AskAsync(Get("order/certificate/{0}", orderId), Json.OrderDetails, ct);

    public Task<OrderRows> FindByAlternativeIdAsync(string alternativeOrderId, CancellationToken ct) =>
        AskAsync(Get("order/alternate/{0}", alternativeOrderId), Json.OrderRows, ct);

    public Task<OrderRows> StatusChangesAsync(int seconds, CancellationToken ct) =>
        AskAsync(Get("order/certificate/status-changes") with { Query = $"?seconds={seconds}" }, Json.OrderRows, ct);

    public Task<OrderList> ListOrdersAsync(OrderQuery query, CancellationToken ct) =>
        AskAsync(Get("order/certificate") with { Query = QueryOf(query) }, Json.OrderList, ct);

    public Task<OrderValidation> GetValidationAsync(string orderId, CancellationToken ct) =>
        AskAsync(Get("order/certificate/{0}/validation", orderId), Json.OrderValidation, ct);

    public Task<DcvChecked> CheckDcvAsync(string orderId, CancellationToken ct) =>
        AskAsync(Put("order/certificate/{0}/check-dcv", orderId), Json.DcvChecked, ct);

    public Task<RandomValue> DcvRandomValueAsync(string orderId, CancellationToken ct) =>
        AskAsync(Put("order/certificate/{0}/dcv-random-value", orderId), Json.RandomValue, ct);

    public Task<string> DownloadPemAsync(string certificateId, CancellationToken ct)
    {
        var call = Get("certificate/{0}/download/format/pem_noroot", certificateId);
        return wire.SendAsync(call with { Accept = "application/x-pem-file" }, Encoding.ASCII.GetString, ct);
    }

    public Task<CertificateChain> GetChainAsync(string certificateId, CancellationToken ct) =>
        AskAsync(Get("certificate/{0}/chain", certificateId), Json.CertificateChain, ct);

    public Task CancelOrderAsync(string orderId, CancelBody body, CancellationToken ct) =>
        wire.SendAsync(Put("order/certificate/{0}/status", orderId).With(body, Json.CancelBody), _ => true, ct);

    public Task<RequestState?> RevokeOrderAsync(string orderId, RevokeBody body, CancellationToken ct) =>
        RevokeAsync(Put("order/certificate/{0}/revoke", orderId).With(body, Json.RevokeBody), ct);

    public Task<RequestState?> RevokeCertificateAsync(string certificateId, RevokeBody body, CancellationToken ct) =>
        RevokeAsync(Put("certificate/{0}/revoke", certificateId).With(body, Json.RevokeBody), ct);

    // A request waits for a person for days, and thousands may: asking after them leaves new domains their part, too.
    public Task<RequestState> GetRequestAsync(string requestId, CancellationToken ct) =>
        AskAsync(Get("request/{0}", requestId) with { Priority = CallPriority.Renewal }, Json.RequestState, ct);

    public Task<ProductList> ListProductsAsync(CancellationToken ct) => AskAsync(Get("product"), Json.ProductList, ct);

    public Task<Product> GetProductAsync(string nameId, CancellationToken ct) =>
        AskAsync(Get("product/{0}", nameId), Json.Product, ct);

    public Task<AccountUser> GetMeAsync(CancellationToken ct) => AskAsync(Get("user/me"), Json.AccountUser, ct);

    private static CertCentralCall Get(string template, string? id = null) => new(HttpMethod.Get, template, id);

    private static CertCentralCall Put(string template, string id) => new(HttpMethod.Put, template, id);

    private static CertCentralCall Post(string template, string id, CallPriority priority) =>
        new(HttpMethod.Post, template, id) { Priority = priority };

    private static string QueryOf(OrderQuery query) => "?"
        + (query.Status is null ? "" : $"filters%5Bstatus%5D={Uri.EscapeDataString(query.Status)}&")
        + (query.Sort is null ? "" : $"sort={Uri.EscapeDataString(query.Sort)}&")
        + string.Concat(query.Serials.Select(
            (serial, at) => $"filters%5Bserial_number%5D%5B{at}%5D={Uri.EscapeDataString(serial)}&"))
        + $"offset={query.Offset}&limit={query.Limit}";

    private Task<T> AskAsync<T>(CertCentralCall call, JsonTypeInfo<T> answer, CancellationToken ct) =>
        wire.SendAsync(call, body => Read(body, answer) ?? throw new JsonException("The answer is null or empty."), ct);

    // 204 when it is done, a request object when a person has to approve it first. Thousands may come at once, after a
    // ban: they leave new domains their part.
    private Task<RequestState?> RevokeAsync(CertCentralCall call, CancellationToken ct) =>
        wire.SendAsync(
            call with { Priority = CallPriority.Renewal },
            body => body.Length == 0 ? null : Read(body, Json.RequestState), ct);

    private static T? Read<T>(byte[] body, JsonTypeInfo<T> type) =>
        JsonSerializer.Deserialize(Utf8Mark.Skip(body), type);
}
