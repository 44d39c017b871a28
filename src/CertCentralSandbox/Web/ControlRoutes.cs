using CertCentralSandbox.Faults;
using CertCentralSandbox.Orders;
using CertCentralSandbox.Time;
using CertCentralSandbox.Validation;
using CertCentralSandbox.Web.Ordering;

namespace CertCentralSandbox.Web;

/// <summary>The order-level routes of domain control validation.</summary>
internal static class ControlRoutes
{
    public static void Map(IEndpointRouteBuilder orders)
    {
        orders.MapPut("/{id}/check-dcv", CheckAsync);
        orders.MapPut("/{id}/dcv-random-value", RandomValueOf);
        orders.MapPut("/{id}/dcv-method", ChangeMethod);
        orders.MapPut("/{id}/resend-emails", ResendEmails);
        orders.MapGet("/{id}/validation", Validation);
    }

    /// <summary>Looks at the tokens now and issues at once when all are good. Does not touch the polling
    /// schedule.</summary>
    private static async Task<IResult> CheckAsync(
        string id, Form body, OrderBook book, ControlCheck check, OrderView view, FaultBoard faults, HttpContext http)
    {
        if (book.Find(id) is not { } order)
        {
            return ApiError.NotFound("order");
        }

        if (!order.IsLive || order.Status == OrderStatus.NeedsApproval)
        {
            return faults.Fires(Fault.CanceledCheckIs404, order.Primary.DnsNames)
                ? ApiError.NotFound("order")
                : ApiError.Invalid("invalid_status", $"The order is {order.Status}."); // code invented
        }

        if (order.Validation?.Method == DcvMethod.Email)
        {
            return ApiError.Invalid("invalid_dns_method", "The order is validated by email.");
        }

        IReadOnlyList<string> only =
            [.. body.Texts("dns_names_validations"), .. body.Texts("dns_name_validations")]; // both are documented
        var names = order.Awaited?.DnsNames ?? order.Primary.DnsNames;
        order = await check.RunAsync(order.Id, only.Count == 0 ? null : only, asked: true, http.RequestAborted);
        var validation = order.Validation;
        var asked = only.Count == 0 ? names : [.. names.Intersect(only, StringComparer.OrdinalIgnoreCase)];
        var open = validation is null ? [] : asked.Except(validation.Approved).ToList();
        if (validation is { Method: DcvMethod.Http } && (open.Count > 0 || validation.Concealed))
        {
            return ApiError.Invalid(
                "file_random_value_not_found",
                "Could not find the random value at the expected file location for one or more domains.");
        }

        return Json.Ok(new
        {
            OrderStatus = view.Status(order),
            CertificateId = order.Primary.Id,
            DcvStatus = open.Count == 0 ? "valid" : "pending",
            DnsNameValidations = asked.Select(n =>
                new { DnsName = n, Status = open.Contains(n) ? "pending" : "approved" }),
        });
    }

    /// <summary>The same value while it is good, a new one once it has expired.</summary>
    private static IResult RandomValueOf(string id, OrderBook book, SandboxClock clock) =>
        Renew(id, book, clock, validation => validation.Method);

    private static IResult ChangeMethod(string id, Form body, OrderBook book, SandboxClock clock)
    {
        if (body.Text("dcv_method") is not { } method || !DcvMethod.All.Contains(method))
        {
            return ApiError.Invalid("invalid_dcv_method", "dcv_method is none that DV orders take."); // code invented
        }

        if (method == DcvMethod.Http && book.Find(id)?.Awaited?.DnsNames.Any(n => n.StartsWith('*')) is true)
        {
            return ApiError.Invalid("invalid_wildcard_dcv_method", "Wildcard names cannot be validated by a file.");
        }

        var answer = Renew(id, book, clock, _ => method);
        return method == DcvMethod.Email && answer is not ApiError ? Results.NoContent() : answer;
    }

    private static IResult Renew(
        string id, OrderBook book, SandboxClock clock, Func<ControlValidation, string> chooseMethod)
    {
        if (book.Find(id) is not { } order)
        {
            return ApiError.NotFound("order");
        }

        ControlValidation? validation = null;
        var refusal = book.TryChange(
            order.Id,
            o => o.Validation is null
                ? ApiError.Invalid("invalid_status", "The order waits for no validation.") // code invented
                : null,
            o =>
            {
                var now = o.Validation!;
                var method = chooseMethod(now);
                validation = now.RandomValueExpiresAt <= clock.Now
                    ? RandomValue.Open(method, clock.Now) with { StartedAt = now.StartedAt }
                    : now.Method == method ? now : now with { Method = method };
                return ReferenceEquals(validation, now) ? o : o with { Validation = validation };
            });
        return refusal ?? Json.Ok(new
        {
            DcvRandomValue = validation!.RandomValue,
            ExpirationDate = clock.OnTheWall(validation.RandomValueExpiresAt),
        });
    }

    private static IResult ResendEmails(string id, OrderBook book) =>
        book.Find(id) is null ? ApiError.NotFound("order") : Results.NoContent();

    private static IResult Validation(string id, OrderBook book, OrderView view)
    {
        if (book.Find(id) is not { } order)
        {
            return ApiError.NotFound("order");
        }

        var method = order.Validation?.Method ?? DcvMethod.Http;
        var names = order.Awaited?.DnsNames ?? order.Primary.DnsNames;
        return Json.Ok(new
        {
            OrderId = order.Id.ToString(), // a string here, an integer everywhere else
            OrderStatus = view.Status(order),
            OrderNameScope = "fqdn",
            OrderDcvMethod = method,
            DnsNameValidations = names.Select((name, i) => new
            {
                DomainId = order.Id - 609_000_000 + i,
                NameScope = name,
                ApprovalScope = name,
                Status = Open(order, name) ? "pending" : "approved",
                Method = method,
                DnsNames = new[] { name },
            }),
        });
    }

    private static bool Open(CertificateOrder order, string name) =>
        order.Active is null && order.Validation is null
        || order.Validation is { } v && (v.Concealed || !v.Approved.Contains(name));
}
