namespace ControlPlane.CertificateAuthorities.CertCentral;

/// <summary>
/// The CertCentral Services API v2, a line per route. Every call throws <see cref="CertCentralException"/> when it
/// fails. Paths are below <see cref="CertCentralOptions.BaseUrl"/>. POST costs money and is not idempotent: nothing
/// here repeats it. Calls that take no priority finish what was begun and go before new work of either kind.
/// </summary>
internal interface ICertCentralApi
{
    // POST order/certificate/{product}
    Task<OrderPlaced> PlaceOrderAsync(string product, OrderBody body, CallPriority priority, CancellationToken ct);

    // POST order/certificate/{id}/reissue
    Task<OrderPlaced> ReissueAsync(string orderId, ReissueBody body, CallPriority priority, CancellationToken ct);

    // POST order/certificate/{id}/duplicate
    Task<OrderPlaced> DuplicateAsync(string orderId, ReissueBody body, CallPriority priority, CancellationToken ct);

    // GET order/certificate/{id}
    Task<OrderDetails> GetOrderAsync(string orderId, CancellationToken ct);

    // GET order/alternate/{alternativeOrderId}
    Task<OrderRows> FindByAlternativeIdAsync(string alternativeOrderId, CancellationToken ct);

    // GET order/certificate/status-changes?seconds=…
    Task<OrderRows> StatusChangesAsync(int seconds, CancellationToken ct);

    // GET order/certificate?filters[status]=…&filters[serial_number][0]=…&sort=…&offset=…&limit=…
    Task<OrderList> ListOrdersAsync(OrderQuery query, CancellationToken ct);

    // GET order/certificate/{id}/validation
    Task<OrderValidation> GetValidationAsync(string orderId, CancellationToken ct);

    // PUT order/certificate/{id}/check-dcv
    Task<DcvChecked> CheckDcvAsync(string orderId, CancellationToken ct);

    // PUT order/certificate/{id}/dcv-random-value
    Task<RandomValue> DcvRandomValueAsync(string orderId, CancellationToken ct);

    // GET certificate/{id}/download/format/pem_noroot
    Task<string> DownloadPemAsync(string certificateId, CancellationToken ct);

    // GET certificate/{id}/chain
    Task<CertificateChain> GetChainAsync(string certificateId, CancellationToken ct);

    // PUT order/certificate/{id}/status
    Task CancelOrderAsync(string orderId, CancelBody body, CancellationToken ct);

    // PUT order/certificate/{id}/revoke
    Task<RequestState?> RevokeOrderAsync(string orderId, RevokeBody body, CancellationToken ct);

    // PUT certificate/{id}/revoke
    Task<RequestState?> RevokeCertificateAsync(string certificateId, RevokeBody body, CancellationToken ct);

    // GET request/{id}
    Task<RequestState> GetRequestAsync(string requestId, CancellationToken ct);

    // GET product
    Task<ProductList> ListProductsAsync(CancellationToken ct);

    // GET product/{nameId}
    Task<Product> GetProductAsync(string nameId, CancellationToken ct);

    // GET user/me
    Task<AccountUser> GetMeAsync(CancellationToken ct);
}
