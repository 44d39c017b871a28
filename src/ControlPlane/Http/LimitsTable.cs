using ControlPlane.Campaigns;
using ControlPlane.Contracts;
using ControlPlane.Http.Rates;
using ControlPlane.Imports;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Publishing;

namespace ControlPlane.Http;

/// <summary>One limit.</summary>
/// <param name="What">What is bounded.</param>
/// <param name="Value">The bound with its unit.</param>
/// <param name="Answer">What a caller beyond it gets.</param>
/// <param name="Why">Why this much.</param>
internal sealed record LimitRow(string What, string Value, string Answer, string Why)
{
    /// <summary>As a row of the README's table.</summary>
    public override string ToString() => $"| {What} | {Value} | {Answer} | {Why} |";
}

/// <summary>Every limit with its reason. A test holds the README against it, and others hold the server.</summary>
internal static class LimitsTable
{
    private const string Closed = "connection closed";
    private const string TooMany = "429, `Retry-After`";

    public static IReadOnlyList<LimitRow> Rows { get; } =
    [
        new("body", $"{Limits.MaxBodyBytes / 1024} KB", "413", "a registration is a few hundred bytes"),
        new("body of an agent's call", $"{Routes.MaxAgentBodyBytes / 1024 / 1024} MB", "413",
            $"a report has up to {Routes.MaxRowsPerReport} rows"),
        new("file of an import", $"{Limits.MaxImportBytes / 1024 / 1024} MB, {Import.MostRows:N0} rows", "413, 400",
            "a name and its settings are some hundred bytes; a row is bounded like a registration"),
        new("imports of a tenant", $"{Import.MostUnderWay} under way, {Import.MostADay} a day", TooMany,
            "rows are kept for thirty days, the wrong ones too"),
        new("plan of a campaign",
            $"{Limits.MaxImportBytes / 1024 / 1024} MB, {CampaignFilter.MostListed:N0} serial numbers or names",
            "413, 400", "a CA's list of what it revokes; for admins only"),
        new("JSON", $"{Limits.MaxJsonDepth} levels, no field twice, none unknown", "400",
            "our own bodies have three; whoever sends more attacks the parser"),
        new("request line", $"{Limits.MaxRequestLineBytes / 1024} KB", "414",
            "the longest filter and cursor take a tenth of it"),
        new("headers", $"{Limits.MaxHeaders}, together {Limits.MaxHeadersBytes / 1024} KB", "431",
            "a node's token takes at most 2 KB; the rest is what proxies add"),
        new("time for the headers", Seconds(Limits.HeadersTimeout), "408", "they fit into one packet or a few"),
        new("body and answer, slowest", $"{Limits.MinBytesPerSecond / 1024} KB/s after {Seconds(Limits.SlowGrace)}",
            $"408, or {Closed}", "64 KB in a minute; whoever is slower holds memory on purpose"),
        new("idle connection", Seconds(Limits.KeepAliveTimeout), Closed,
            $"outlives the pause between two of an agent's polls of {Routes.MaxWaitSeconds} s"),
        new("request under way", Seconds(Limits.RequestTimeout), "503",
            $"the longest poll ({Routes.MaxWaitSeconds} s) and one statement of the database (30 s)"),
        new("connections of a replica", $"{Limits.MaxConnections}, `Http:MaxConnections`", Closed,
            "each node holds one, a portal a handful"),
        new("agents that wait at a replica", $"{new NodeOptions().MaxWaiting}, `Nodes:MaxWaiting`, "
            + $"{DesiredStateWaiters.SeatsPerNode} of them one node's",
            "503, `Retry-After` of 5–15 s", "fewer than its connections, so that all other calls find one"),
        new("HTTP/2 requests of a connection", $"{Limits.MaxStreams}, windows of {Limits.StreamWindowBytes / 1024} KB "
            + $"and {Limits.ConnectionWindowBytes / 1024} KB", "flow control", "one body ahead for each request"),
        new("page of a list", $"{Page<object>.MaxLimit} items", "400", "a page stays below a megabyte"),
        new("regular expressions", "linear in time", "–", "no input makes one run long"),
        Rate("a portal key", rates => rates.Portal, "registers a thousand names in a row; a runaway loop does not"),
        Rate("a support key", rates => rates.Support, "a person and a browser"),
        Rate("an admin key", rates => rates.Admin, "deployment scripts"),
        Rate("a node", rates => rates.Node, "poll, fetch and report, many times over"),
        Rate("an address without a key", rates => rates.Anonymous,
            "guesses, first uses and the public pages; an IPv6 network of 64 bits is one address"),
    ];

    private static LimitRow Rate(string who, Func<RateOptions, Rate> of, string why)
    {
        var rate = of(new RateOptions());
        return new LimitRow($"requests of {who}", $"{rate.PerSecond}/s, {rate.Burst} at once", TooMany, why);
    }

    private static string Seconds(TimeSpan time) => $"{time.TotalSeconds:0} s";
}
