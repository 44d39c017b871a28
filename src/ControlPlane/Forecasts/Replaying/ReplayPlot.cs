using System.Text;

namespace ControlPlane.Forecasts.Replaying;

/// <summary>Orders a day as a picture (SVG): one file that needs no other, is told in words for those who cannot see
/// it, and follows the reader's choice of light or dark.</summary>
internal static class ReplayPlot
{
    private const double Left = 70;
    private const double Top = 60;
    private const double Width = 860;
    private const double Height = 260;

    public static string Of(ReplayResult result)
    {
        var level = result.Level;
        // The first orders would flatten all that comes after them: days beyond the top are cut, and told in words.
        var top = Math.Max(level.Most, level.Mean * (1 + DailyLevel.Tolerance)) * 1.25;
        top = top > 0 ? top : Math.Max(1, result.OrdersByDay.Max());
        var cut = result.OrdersByDay.Count(orders => orders > top);
        var title = $"Orders a day: {result.Fleet.Domains:N0} domains, {result.Fleet.LifetimeDays}-day certificates";
        var words = $"After {result.FirstCycleDays} days: {level.Mean:N1} on average, {level.Least:N0} to "
            + $"{level.Most:N0}, {level.Within:N0} of {level.Days:N0} days within {Tolerance} %"
            + (result.UpsetDays == 0 ? "." : $"; {result.UpsetDays} days around CA outages not counted.");
        var beyond = cut == 0 ? "" : $"{cut} days go beyond the top, up to {result.OrdersByDay.Max():N0} orders.";
        return $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 380" role="img" aria-labelledby="title words">
            <title id="title">{title}</title>
            <desc id="words">{words} {beyond}</desc>
            <style>
            svg {"{"} background: #fff; color: #1a1a1a; font: 13px system-ui, sans-serif {"}"}
            text {"{"} fill: currentColor {"}"} .title {"{"} font-size: 17px; font-weight: 600 {"}"}
            .axis {"{"} stroke: currentColor {"}"} .grid {"{"} stroke: currentColor; opacity: .15 {"}"}
            .orders {"{"} fill: #1f5fa8 {"}"} .band {"{"} fill: #c77700; opacity: .25 {"}"}
            .mean {"{"} stroke: #b35c00; stroke-width: 1.5; stroke-dasharray: 6 4 {"}"}
            @media (prefers-color-scheme: dark) {"{"}
            svg {"{"} background: #16181c; color: #e8e8e8 {"}"} .orders {"{"} fill: #6aa9f0 {"}"}
            .mean {"{"} stroke: #ffb454 {"}"} .band {"{"} fill: #ffb454 {"}"}
            {"}"}
            </style>
            <text class="title" x="{Left}" y="24">{title}</text>
            <text x="{Left}" y="44">{words}</text>
            {Scale(top)}
            <path class="orders" d="{Steps(result.OrdersByDay, top)}"/>
            {Mean(level, result.FirstCycleDays, top)}
            {Calendar()}
            <text x="{Left}" y="{Top + Height + 44}">{beyond} Dashed: the average; band: {Tolerance} %.</text>
            </svg>

            """;
    }

    private static string Tolerance => $"±{DailyLevel.Tolerance * 100:0}";

    private static double X(double day) => Math.Round(Left + (Width * day / PaperFleet.Days), 2);

    private static double Y(double orders, double top) =>
        Math.Round(Top + (Height * (1 - (Math.Min(orders, top) / top))), 2);

    private static string Steps(IReadOnlyList<int> orders, double top)
    {
        var path = new StringBuilder($"M{X(0)} {Y(0, top)}");
        foreach (var (day, count) in orders.Index())
        {
            path.Append($"V{Y(count, top)}H{X(day + 1)}");
        }

        return path.Append($"V{Y(0, top)}Z").ToString();
    }

    private static string Mean(DailyLevel level, int from, double top)
    {
        var (low, high) = (level.Mean * (1 - DailyLevel.Tolerance), level.Mean * (1 + DailyLevel.Tolerance));
        var (x, end, y) = (X(from), X(PaperFleet.Days), Y(high, top));
        return level.Days == 0 ? "" : $"""
            <rect class="band" x="{x}" y="{y}" width="{end - x:0.##}" height="{Y(low, top) - y:0.##}"/>
            <line class="mean" x1="{x}" x2="{end}" y1="{Y(level.Mean, top)}" y2="{Y(level.Mean, top)}"/>
            """;
    }

    /// <summary>Three to seven lines at round numbers.</summary>
    private static string Scale(double top)
    {
        var digit = Math.Pow(10, Math.Floor(Math.Log10(top / 3)));
        var step = new[] { 5, 2, 1 }.Select(times => times * digit).First(step => step <= top / 3 || step == digit);
        var lines = new StringBuilder();
        for (var at = 0.0; at <= top; at += Math.Max(1, step))
        {
            var y = Y(at, top);
            lines.Append($"""<line class="{(at == 0 ? "axis" : "grid")}" x1="{Left}" x2="{Left + Width}" """)
                .Append($"""y1="{y}" y2="{y}"/><text x="{Left - 8}" y="{y + 4}" text-anchor="end">{at:N0}</text>""");
        }

        return lines.ToString();
    }

    /// <summary>A name for each quarter of the year.</summary>
    private static string Calendar()
    {
        var names = new StringBuilder();
        for (var day = 0; day < PaperFleet.Days; day++)
        {
            var date = PaperFleet.Start.AddDays(day);
            if (date is { Day: 1, Month: 1 or 4 or 7 or 10 })
            {
                names.Append($"""<text x="{X(day)}" y="{Top + Height + 20}" text-anchor="middle">""")
                    .Append($"{date:yyyy-MM}</text>");
            }
        }

        return names.ToString();
    }
}
