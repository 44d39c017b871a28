using CertCentralSandbox.Web.Ordering;
using CertCentralSandbox.Webhooks;

namespace CertCentralSandbox.Web;

/// <summary>Every route below /services/v2. What is not here answers 404 not_found|route, behind the same
/// gate.</summary>
internal static class ApiRoutes
{
    public const string Prefix = "/services/v2";

    /// <summary>The template that catches whatever no other route takes.</summary>
    public const string Unknown = Prefix + "/{**rest}";

    public static void Map(IEndpointRouteBuilder app)
    {
        var api = app.MapGroup(Prefix).AddEndpointFilter<RouteGroupBuilder, AnswerLoss>();
        api.MapGet("/order/alternate/{id}", FindOrders.ByAlternativeId);

        var orders = api.MapGroup("/order/certificate");
        orders.MapPost("/{product}", PlaceOrder.HandleAsync);
        orders.MapGet("/", ListOrders.Handle);
        orders.MapGet("/status-changes", FindOrders.StatusChanges);
        orders.MapGet("/{id}", FindOrders.One);
        ControlRoutes.Map(orders);
        ReissueOrder.Map(orders);

        EndRoutes.Map(api);
        DownloadRoutes.Map(api);
        AccountRoutes.Map(api);
        WebhookRoutes.Map(api);
        app.Map(Unknown, () => ApiError.NotFound("route"));
    }
}
