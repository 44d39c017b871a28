using System.Text.Json;
using System.Text.Json.Serialization;

namespace LocalFleet.Up;

/// <summary>In seconds, by the nearest rank; null while no domain is active.</summary>
internal sealed record Spread(double? P50, double? P99, double? Max)
{
    public static Spread Of(IEnumerable<TimeSpan> times)
    {
        var sorted = times.Select(t => Math.Round(t.TotalSeconds, 3)).Order().ToArray();
        return sorted.Length == 0 ? new Spread(null, null, null) : new Spread(Rank(0.50), Rank(0.99), sorted[^1]);

        double Rank(double share) => sorted[(int)Math.Ceiling(share * sorted.Length) - 1];
    }
}

/// <summary>What a run showed. The names are the file's.</summary>
/// <param name="Domains">All that can become active here, those of earlier runs included.</param>
/// <param name="Active">Active by the API's word.</param>
/// <param name="Failed">Failed for good: somebody must do something.</param>
/// <param name="Nodes">HAProxy processes.</param>
/// <param name="HandshakesVerified">Made by this program: one for each active domain and node.</param>
/// <param name="TimeToActiveSeconds">From the registration to the proof on every node, by the control plane's
/// clock.</param>
/// <param name="CaOrders">Placed at the sandbox CA for these names, ever.</param>
/// <param name="CaCalls">Calls of the sandbox CA since it was started.</param>
/// <param name="WallSeconds">From the first registration of this run to its last handshake.</param>
internal sealed record Report(
    int Domains, int Active, int Failed, int Nodes, int HandshakesVerified, Spread TimeToActiveSeconds, int CaOrders,
    long CaCalls, double WallSeconds)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    [JsonIgnore]
    public bool IsWhole => Active == Domains && HandshakesVerified == Domains * Nodes;

    public static async Task<Report> MakeAsync(
        Fleet fleet, IReadOnlyList<DomainView> domains, HandshakeProofs proofs, TimeSpan wall, CancellationToken stop)
    {
        var counts = await fleet.Sandbox.CountAsync(domains.Select(d => d.Hostname).ToHashSet(), stop);
        return new Report(
            domains.Count,
            domains.Count(d => d.IsActive),
            domains.Count(d => d.HasFailed),
            fleet.Options.Nodes,
            proofs.Verified,
            Spread.Of(domains.Select(d => d.TimeToActive).OfType<TimeSpan>()),
            counts.Orders,
            counts.Calls,
            Math.Round(wall.TotalSeconds, 3));
    }

    public void Write(string path)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } directory)
        {
            Directory.CreateDirectory(directory);
        }

        File.WriteAllText(path, JsonSerializer.Serialize(this, Json) + "\n");
    }

    public void Print(Fleet fleet, IReadOnlyList<DomainView> domains)
    {
        var time = TimeToActiveSeconds;
        Console.WriteLine(
            $"{Active} of {Domains} domains active on {Nodes} nodes, {Failed} failed; "
            + $"{HandshakesVerified} handshakes verified by this program.");
        Console.WriteLine(
            $"time to active: p50 {time.P50} s, p99 {time.P99} s, max {time.Max} s; {WallSeconds} s in all, "
            + $"{CaOrders} CA orders, {CaCalls} CA calls.");
        if (domains.FirstOrDefault(d => d.IsActive) is { } domain)
        {
            var port = fleet.Options.Ports.NlbHttps;
            Console.WriteLine(
                $"Try: curl --resolve {domain.Hostname}:{port}:127.0.0.1 --cacert {fleet.Layout.RootCertificate} "
                + $"https://{domain.Hostname}:{port}/");
        }
    }
}
