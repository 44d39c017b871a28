using System.Net;
using ControlPlane.Contracts;
using ControlPlane.Http;
using ControlPlane.Nodes.Access;
using Npgsql;
using NpgsqlTypes;

namespace ControlPlane.Domains.Visits;

/// <summary>The fetches of tokens that a node's report tells of: checked, then kept within bounds.</summary>
internal static class ToldVisits
{
    /// <summary>Of one order. A CA's perspectives look a handful of times each.</summary>
    public const int MostPerOrder = 200;

    /// <summary>Of one order and one source: who goes on asking drives nobody else's visits out.</summary>
    public const int MostPerSource = 10;

    /// <summary>The number of an order is the node's word: only orders of its own fleet are taken.</summary>
    private const string Sql =
        """
        WITH said AS (
            SELECT orders.id AS order_id, visit.*,
                   row_number() OVER (PARTITION BY orders.id ORDER BY visit.at) AS nth,
                   row_number() OVER (PARTITION BY orders.id, visit.source ORDER BY visit.at) AS nth_of_source
            FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::int[], $6::int[])
                 AS visit (sequence, at, source, user_agent, status, bytes)
            JOIN orders ON orders.sequence = visit.sequence
            JOIN domains ON domains.id = orders.domain_id AND domains.fleet_id = $7
        )
        INSERT INTO token_visits (order_id, node_id, at, source, user_agent, status, bytes)
        SELECT order_id, $8, at, source, user_agent, status, bytes FROM said
        WHERE nth + (SELECT count(*) FROM token_visits WHERE order_id = said.order_id) <= $9
          AND nth_of_source + (SELECT count(*) FROM token_visits
                               WHERE order_id = said.order_id
                                 AND source IS NOT DISTINCT FROM said.source) <= $10
        ORDER BY at
        """;

    /// <summary>Every fault of this part of a report.</summary>
    public static IEnumerable<FieldProblem> Faults(ObservedStateReport report)
    {
        if (report.Visits is not { Count: <= Routes.MaxVisits } visits || !visits.All(IsSound))
        {
            yield return new FieldProblem(
                "visits", "invalid",
                $"visits must be at most {Routes.MaxVisits}, each with the number of an order, an address or none, a "
                + $"user agent of at most {Routes.MaxUserAgent} characters or none, a status and a length.");
        }
    }

    /// <param name="connection">The report's transaction.</param>
    /// <param name="node">Who tells.</param>
    /// <param name="visits">What passed <see cref="Faults"/>.</param>
    /// <param name="now">No visit is later: a node's clock may be ahead.</param>
    /// <param name="ct">Ends the wait.</param>
    public static async Task WriteAsync(
        NpgsqlConnection connection, NodeIdentity node, IReadOnlyList<TokenVisit> visits, DateTimeOffset now,
        CancellationToken ct)
    {
        if (visits.Count == 0)
        {
            return;
        }

        await using var command = new NpgsqlCommand(Sql, connection)
        {
            Parameters =
            {
                new() { Value = visits.Select(visit => visit.Order).ToArray() },
                new() { Value = visits.Select(visit => Earlier(visit.At.ToUniversalTime(), now)).ToArray() },
                Texts(visits.Select(visit => visit.Source)),
                Texts(visits.Select(visit => visit.UserAgent)),
                new() { Value = visits.Select(visit => visit.Status).ToArray() },
                new() { Value = visits.Select(visit => visit.Bytes).ToArray() },
                new() { Value = node.Fleet },
                new() { Value = node.Id },
                new() { Value = MostPerOrder },
                new() { Value = MostPerSource },
            },
        };
        await command.ExecuteNonQueryAsync(ct);
    }

    private static bool IsSound(TokenVisit? visit) =>
        visit is { Order: > 0, Status: >= 100 and <= 599, Bytes: >= 0 }
        && (visit.Source is null || IPAddress.TryParse(visit.Source, out _))
        && (visit.UserAgent is null
            || (visit.UserAgent.Length <= Routes.MaxUserAgent && !visit.UserAgent.Any(char.IsControl)));

    private static DateTimeOffset Earlier(DateTimeOffset one, DateTimeOffset other) => one < other ? one : other;

    private static NpgsqlParameter Texts(IEnumerable<string?> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };
}
