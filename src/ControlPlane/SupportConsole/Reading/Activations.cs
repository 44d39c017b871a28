using ControlPlane.Database;
using ControlPlane.Domains.Reading;
using Npgsql;

namespace ControlPlane.SupportConsole.Reading;

/// <summary>How long the domains took that became active lately, and for whom they waited.</summary>
/// <param name="Window">The last of these that was looked at, in hours.</param>
/// <param name="Each">By domain.</param>
/// <param name="IsSample">True when there were more: these are the last.</param>
internal sealed record Activations(int Window, IReadOnlyList<TimeToActive> Each, bool IsSample)
{
    /// <summary>Enough for a 99th percentile that does not jump, and read in a fraction of the time that all
    /// take.</summary>
    public const int Most = 2000;

    /// <summary>In seconds; the last bar has no end.</summary>
    public static readonly IReadOnlyList<double> Edges =
        [2, 5, 10, 20, 60, 300, 1800, 4 * 3600, 86400, 3 * 86400, double.PositiveInfinity];

    public static readonly IReadOnlyList<(string Key, string Name, Func<TimeToActive, double> Seconds)> Parties =
    [
        ("customer", "the customer", one => one.CustomerSeconds), ("us", "us", one => one.OursSeconds),
        ("ca", "the CA", one => one.CaSeconds), ("nodes", "the nodes", one => one.NodesSeconds),
    ];

    /// <summary>Those of one bar.</summary>
    public IReadOnlyList<TimeToActive> Bar(int index)
    {
        var (from, to) = (index == 0 ? double.NegativeInfinity : Edges[index - 1], Edges[index]);
        return [.. Each.Where(one => one.TotalSeconds >= from && one.TotalSeconds < to)];
    }

    /// <summary>The smallest value that a share of all does not exceed.</summary>
    public TimeSpan Percentile(Func<TimeToActive, double> seconds, double share)
    {
        var sorted = Each.Select(seconds).Order().ToList();
        return sorted.Count == 0
            ? TimeSpan.Zero
            : TimeSpan.FromSeconds(sorted[Math.Max(0, (int)Math.Ceiling(share * sorted.Count) - 1)]);
    }

    /// <summary>Renewals begin after the first activation and do not count.</summary>
    public static async Task<Activations> ReadAsync(
        NpgsqlDataSource database, int hours, DateTimeOffset now, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var command = connection.Command(
            """
            WITH last AS (
                SELECT id, activated_at FROM domains WHERE activated_at > $1 ORDER BY activated_at DESC LIMIT $2)
            SELECT extract(epoch FROM sum(waited_for_customer))::float8,
                   extract(epoch FROM sum(waited_for_us))::float8, extract(epoch FROM sum(waited_for_ca))::float8,
                   extract(epoch FROM sum(waited_for_nodes))::float8
            FROM last JOIN orders ON orders.domain_id = last.id AND orders.created_at <= last.activated_at
            GROUP BY last.id
            """,
            now.AddHours(-hours), Most + 1);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var each = new List<TimeToActive>();
        while (await reader.ReadAsync(ct))
        {
            var (customer, ours, ca, nodes) =
                (reader.GetDouble(0), reader.GetDouble(1), reader.GetDouble(2), reader.GetDouble(3));
            each.Add(new TimeToActive(customer, ours, ca, nodes, customer + ours + ca + nodes));
        }

        return new Activations(hours, [.. each.Take(Most)], each.Count > Most);
    }
}
