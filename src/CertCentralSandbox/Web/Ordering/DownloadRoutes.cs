using CertCentralSandbox.Issuing;
using CertCentralSandbox.Orders;

namespace CertCentralSandbox.Web.Ordering;

/// <summary>
/// Downloads by certificate and by order. What is not issued yet gets 404 not_found|certificate (the real answer is not
/// documented).
/// </summary>
internal static class DownloadRoutes
{
    private const string DefaultFormat = "default";
    private const int PemAllPlatform = 29;

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/certificate/{id}/download/format/{format}", ByCertificate);
        api.MapGet("/certificate/{id}/download/platform", (string id, OrderBook book, CertificateFiles files) =>
            ByCertificate(id, DefaultFormat, book, files));
        api.MapGet("/certificate/{id}/download/platform/{platform:int}", ByPlatform);
        api.MapGet("/certificate/download/order/{id}", (string id, OrderBook book, CertificateFiles files) =>
            ByOrder(id, DefaultFormat, book, files));
        api.MapGet("/certificate/download/order/{id}/format/{format}", ByOrder);
        api.MapGet("/certificate/{id}/chain", Chain);
    }

    private static IResult ByCertificate(string id, string format, OrderBook book, CertificateFiles files) =>
        book.FindCertificate(id) is (var order, { Issued: not null } certificate)
            ? File(order, certificate, format, files)
            : ApiError.NotFound("certificate");

    /// <summary>Platform 29 is pem_all; every other one gets the zip.</summary>
    private static IResult ByPlatform(string id, int platform, OrderBook book, CertificateFiles files) =>
        ByCertificate(id, platform == PemAllPlatform ? "pem_all" : DefaultFormat, book, files);

    /// <summary>The active certificate of the order, which during a reissue is still the old one.</summary>
    private static IResult ByOrder(string id, string format, OrderBook book, CertificateFiles files) =>
        book.Find(id) is not { } order ? ApiError.NotFound("order")
        : order.Active is { } active ? File(order, active, format, files)
        : ApiError.NotFound("certificate");

    private static IResult Chain(string id, OrderBook book, CertificateFiles files) =>
        book.FindCertificate(id) is (var order, { Issued: not null } certificate)
            ? Json.Ok(new { Intermediates = files.Chain(order, certificate) })
            : ApiError.NotFound("certificate");

    private static IResult File(
        CertificateOrder order, OrderedCertificate certificate, string format, CertificateFiles files) =>
        files.Render(order, certificate, format) is var (content, type)
            ? Results.File(content, type)
            : ApiError.Invalid("invalid_format", $"There is no format {format}."); // code invented
}
