using System.Globalization;
using System.Text.RegularExpressions;
using CertCentralSandbox.Orders;

namespace CertCentralSandbox.Web.Ordering;

/// <summary>
/// GET /order/certificate with its filters (<c>filters[status]=a</c>, <c>filters[status][0]=a</c>, ranges <c>a...b</c>,
/// <c>&gt;a</c>, <c>&lt;a</c>, wildcard <c>%</c>), free text, sorting and paging (at most 1000).
/// </summary>
internal static partial class ListOrders
{
    private const int Largest = 1000;

    /// <summary>What a filter looks at. Those that a DV account of one user cannot tell apart look at a
    /// constant.</summary>
    private static readonly Dictionary<string, Func<CertificateOrder, IEnumerable<string>>> Fields = new()
    {
        ["id"] = o => [Number(o.Id)],
        ["status"] = o => [o.Status],
        ["organization_id"] = _ => [],
        ["product_name_id"] = o => [o.ProductId],
        ["valid_till"] = o => o.Active is { Issued: { } issued } ? [Json.Day(issued.DateValidTill)] : [],
        ["user_id"] = _ => ["1001"],
        ["common_name"] = o => [o.Primary.CommonName],
        ["domain_name"] = o => o.Primary.DnsNames,
        ["date_created"] = o => [Json.Day(o.DateCreated)],
        ["container_id"] = o => [Number(o.Terms.ContainerId)],
        ["metadata_id"] = _ => [],
        ["is_renewed"] = o => Flag(o.RenewedByOrderId != 0),
        ["disable_renewal_notifications"] = o => Flag(o.Terms.DisableRenewalNotifications),
        ["email"] = _ => [],
        ["certificate_id"] = o => o.Certificates.Select(c => Number(c.Id)),
        ["origin"] = _ => ["api"],
        ["serial_number"] = o => o.Certificates.Where(c => c.Issued is not null).Select(c => c.Issued!.SerialNumber),
        ["search"] = o => [.. o.Primary.DnsNames, Number(o.Id), o.Terms.AlternativeOrderId ?? ""],
    };

    private static readonly Dictionary<string, Func<CertificateOrder, IComparable>> Sorts = new()
    {
        ["order_id"] = o => o.Id,
        ["date_created"] = o => o.DateCreated,
        ["common_name"] = o => o.Primary.CommonName,
        ["status"] = o => o.Status,
        ["valid_till"] = o => o.Active?.Issued?.DateValidTill ?? DateTimeOffset.MinValue,
    };

    public static IResult Handle(HttpRequest request, OrderBook book, OrderView view)
    {
        var filters = new Dictionary<string, List<string>>();
        foreach (var (key, values) in request.Query)
        {
            if (FilterKey().Match(key) is { Success: true } match)
            {
                var name = match.Groups["name"].Value;
                if (!Fields.ContainsKey(name))
                {
                    return ApiError.Invalid("invalid_filter", $"There is no filter '{name}'."); // code invented
                }

                (filters.TryGetValue(name, out var list) ? list : filters[name] = []).AddRange(values.OfType<string>());
            }
        }

        var found = book.All.Where(o => filters.All(f => f.Value.Exists(
            wanted => Fields[f.Key](o).Any(value => Fits(f.Key, value, wanted)))));
        var sort = request.Query["sort"].ToString();
        var by = Sorts.GetValueOrDefault(sort.TrimStart('-'), Sorts["order_id"]);
        List<CertificateOrder> sorted =
        [
            .. sort.StartsWith('-')
                ? found.OrderByDescending(by).ThenByDescending(o => o.Id)
                : found.OrderBy(by).ThenBy(o => o.Id),
        ];
        var offset = Paging(request.Query["offset"], 0, int.MaxValue);
        var limit = Paging(request.Query["limit"], Largest, Largest);
        return Json.Ok(new
        {
            Orders = sorted.Skip(offset).Take(limit).Select(view.Row),
            Page = new { Total = sorted.Count, Limit = limit, Offset = offset },
        });
    }

    private static bool Fits(string field, string value, string wanted)
    {
        if (field == "search")
        {
            return value.Contains(wanted.Trim('%'), StringComparison.OrdinalIgnoreCase);
        }

        if (wanted.Split("...") is [var low, var high])
        {
            return Compare(value, low) >= 0 && Compare(value, high) <= 0;
        }

        if (wanted.StartsWith('>') || wanted.StartsWith('<'))
        {
            return Math.Sign(Compare(value, wanted[1..])) == (wanted[0] == '>' ? 1 : -1);
        }

        return wanted.Contains('%')
            ? Regex.IsMatch(
                value,
                "^" + Regex.Escape(wanted).Replace("%", ".*", StringComparison.Ordinal) + "$",
                RegexOptions.IgnoreCase | RegexOptions.NonBacktracking)
            : value.Equals(wanted, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Numbers by size; days and names by their characters, which for yyyy-MM-dd is their order.</summary>
    private static int Compare(string left, string right) =>
        long.TryParse(left, out var l) && long.TryParse(right, out var r)
            ? l.CompareTo(r)
            : string.CompareOrdinal(left, right);

    private static int Paging(string? text, int fallback, int highest) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var n)
            ? int.Clamp(n, 0, highest)
            : fallback;

    private static string Number(long n) => n.ToString(CultureInfo.InvariantCulture);

    private static string[] Flag(bool flag) => flag ? ["1", "true"] : ["0", "false"];

    [GeneratedRegex(@"^filters\[(?<name>[a-z_]+)\](\[\d*\])?$",
        RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex FilterKey();
}
