using CertCentralSandbox.Orders;
using CertCentralSandbox.Time;
using ControlPlane.Drills;

namespace CertCentralSandbox.Web;

/// <summary>
/// What happens to a real account by itself or by the CA's decision, and here at a word: the end of an order's year,
/// and the announcement that certificates will be revoked. CertCentral announces that by e-mail alone; here the e-mail
/// is a list to read, and the certificates really are revoked at the deadline, on the sandbox clock.
/// </summary>
internal static class LifeRoutes
{
    /// <summary>The Baseline Requirements leave a CA 24 hours or 5 days (4.9.1.1).</summary>
    private static readonly TimeSpan LongestNotice = TimeSpan.FromDays(30);

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/sandbox/notices", (NoticeBook notices, OrderBook book, SandboxClock clock) =>
            Json.Ok(new { Notices = notices.All.Select(notice => View(notice, book, clock)) }));
        app.MapPost("/sandbox/mass-revocation", AnnounceAsync);
        app.MapPost("/sandbox/orders/{id}/end", End);
    }

    /// <summary>Its coverage ends now: it takes no reissue or duplicate any more; what it issued stays good.</summary>
    private static IResult End(string id, OrderBook book, TimeProvider wall)
    {
        if (book.Find(id) is not { } order)
        {
            return ApiError.NotFound("order");
        }

        var now = wall.GetUtcNow();
        var ended = book.Change(order.Id, o => o.DateValidTill <= now ? o : o with { DateValidTill = now });
        return Json.Ok(new { ended.Id, OrderValidTill = Json.Day(ended.DateValidTill) });
    }

    private static async Task<IResult> AnnounceAsync(
        HttpRequest request, NoticeBook notices, OrderBook book, SandboxClock clock, TimeProvider wall)
    {
        var body = await Form.ReadAsync(request, request.HttpContext.RequestAborted);
        if (body?.Text("within") is not { } text || !Durations.TryParse(text, out var within)
            || within < TimeSpan.Zero || within > LongestNotice
            || !IsChoice(body))
        {
            return Results.BadRequest(new
            {
                error = "Send {\"within\":\"24h\"} (0s to 30d) and at least one of \"serials\":[…], "
                    + "\"hostname_suffix\":\".example.com\", \"percent\":50 (1 to 100).",
            });
        }

        var now = wall.GetUtcNow();
        var chosen = Choose(body, book, now);
        var notice = notices.Add(id => new Notice(
            id, body.Text("why") ?? "The certificates were issued with a fault and must be replaced.", now,
            clock.Now + within, [.. chosen.Select(one => one.Certificate.Id)]));
        foreach (var group in chosen.GroupBy(one => one.Order))
        {
            var ids = group.Select(one => one.Certificate.Id).ToHashSet();
            book.Change(group.Key, order => order.Announce(ids, notice.RevokeAt));
        }

        return Json.Ok(View(notice, book, clock), StatusCodes.Status201Created);
    }

    /// <summary>Something is chosen by, and each by a word that says something: one of the wrong kind would choose
    /// everything.</summary>
    private static bool IsChoice(Form body) =>
        (body.Has("serials") || body.Has("hostname_suffix") || body.Has("percent"))
        && (!body.Has("serials") || body.Texts("serials").Count > 0)
        && (!body.Has("hostname_suffix") || body.Text("hostname_suffix") is { Length: > 0 })
        && (!body.Has("percent") || body.Number("percent") is >= 1 and <= 100);

    /// <summary>Of the certificates that are good: those that meet all that was asked. A share is taken by serial,
    /// which is random, and the same every time.</summary>
    private static List<(long Order, OrderedCertificate Certificate)> Choose(
        Form body, OrderBook book, DateTimeOffset now)
    {
        var serials = body.Texts("serials").Select(Plain).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var suffix = body.Text("hostname_suffix");
        var good = book.All.SelectMany(order => order.Certificates.Select(one => (Order: order.Id, Certificate: one)))
            .Where(one => one.Certificate is { Issued: { } issued, DateRevoked: null } && issued.DateValidTill > now
                && (!body.Has("serials") || serials.Contains(Plain(issued.SerialNumber)))
                && (suffix is null || one.Certificate.DnsNames.Any(
                    name => name.EndsWith(suffix, StringComparison.OrdinalIgnoreCase))))
            .OrderBy(one => one.Certificate.Issued!.SerialNumber, StringComparer.Ordinal).ToList();
        return body.Number("percent") is { } percent
            ? [.. good.Take((int)Math.Ceiling(good.Count * percent / 100.0))]
            : good;

        static string Plain(string serial) => serial.TrimStart('0');
    }

    private static object View(Notice notice, OrderBook book, SandboxClock clock)
    {
        var ids = notice.Certificates.ToHashSet();
        var named = book.All.SelectMany(order => order.Certificates.Where(one => ids.Contains(one.Id)).Select(one => new
        {
            OrderId = order.Id,
            CertificateId = one.Id,
            one.CommonName,
            one.Issued!.SerialNumber,
            one.Status,
            Replaced = order.Certificates.Any(later => later.Id > one.Id && later is { Issued: not null })
                || order.RenewedByOrderId != 0,
        })).ToList();
        return new
        {
            notice.Id,
            notice.DateSent,
            Deadline = clock.OnTheWall(notice.RevokeAt),
            notice.Why,
            About = $"Replace {named.Count} certificates before the deadline: they are revoked then.",
            Certificates = named,
        };
    }
}
