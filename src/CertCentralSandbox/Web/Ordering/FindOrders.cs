using System.Globalization;
using CertCentralSandbox.Faults;
using CertCentralSandbox.Orders;

namespace CertCentralSandbox.Web.Ordering;

/// <summary>Reading one order, looking orders up, and the cheap poll for thousands of them.</summary>
internal static class FindOrders
{
    private static readonly TimeSpan LongestWindow = TimeSpan.FromDays(7);

    public static IResult One(string id, OrderBook book, OrderView view) =>
        book.Find(id) is { } order ? Json.Ok(view.Full(order)) : ApiError.NotFound("order");

    /// <summary>A look-up, not an idempotency key: several orders may carry the same id.</summary>
    public static IResult ByAlternativeId(
        string id, OrderBook book, OrderView view, FaultBoard faults, TimeProvider wall)
    {
        var found = book.All.Where(o => o.Terms.AlternativeOrderId == id).OrderBy(o => o.Id)
            .Where(o => !faults.Fires(Fault.AlternateLag, out var lag, o.Primary.DnsNames)
                || wall.GetUtcNow() - o.DateCreated >= TimeSpan.FromSeconds(lag.Value))
            .ToList();
        return found.Count == 0 && !faults.Fires(Fault.AlternateEmptyList)
            ? ApiError.NotFound("order")
            : Json.Ok(new
            {
                Orders = found.Select(view.Brief),
                Page = new { Total = found.Count, Limit = 1000, Offset = 0 },
            });
    }

    /// <summary>
    /// Orders whose status changed lately, by <c>minutes</c>, <c>seconds</c> or
    /// <c>filters[status_last_updated]=day...day</c> (days in US Mountain time). <c>{}</c> when nothing changed.
    /// </summary>
    public static IResult StatusChanges(
        HttpRequest request, OrderBook book, OrderView view, FaultBoard faults, TimeProvider wall)
    {
        var now = wall.GetUtcNow();
        if (Window(request.Query, now) is not var (from, till))
        {
            return ApiError.Invalid("missing_filter", "One filter is required."); // code invented
        }

        if (till - from > LongestWindow)
        {
            return ApiError.Invalid("time_frame_too_long", "The time frame may not exceed seven days.");
        }

        var changed = book.All.Where(o => o.DateStatusChanged >= from && o.DateStatusChanged <= till)
            .OrderBy(o => o.DateStatusChanged).ToList();
        return changed.Count == 0 || faults.Fires(Fault.EmptyStatusChanges)
            ? Json.Ok(new { })
            : Json.Ok(new { Orders = changed.Select(view.Brief) });
    }

    private static (DateTimeOffset From, DateTimeOffset Till)? Window(IQueryCollection query, DateTimeOffset now)
    {
        if (Count(query["minutes"]) is { } minutes)
        {
            return (now - TimeSpan.FromMinutes(minutes), now);
        }

        if (Count(query["seconds"]) is { } seconds)
        {
            return (now - TimeSpan.FromSeconds(seconds), now);
        }

        var days = query["filters[status_last_updated]"].ToString().Split("...");
        return Midnight(days[0]) is { } from && Midnight(days[^1]) is { } last
            ? (from, last + TimeSpan.FromDays(1) - TimeSpan.FromTicks(1))
            : null;
    }

    private static long? Count(string? text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n is > 0 and < 10_000_000
            ? n
            : null;

    private static DateTimeOffset? Midnight(string text)
    {
        if (!DateTime.TryParseExact(
            text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day))
        {
            return null;
        }

        // Machines without time zone data get plain Mountain Standard Time: off by one hour in summer.
        var offset = TimeZoneInfo.TryFindSystemTimeZoneById("America/Denver", out var zone)
            ? zone.GetUtcOffset(day)
            : TimeSpan.FromHours(-7);
        return new DateTimeOffset(day, offset);
    }
}
