using System.Net;
using ControlPlane.Contracts;
using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Nodes.Access;
using Npgsql;

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

    /// <param name="node">Who tells.</param>
    /// <param name="visits">What passed <see cref="Faults"/>.</param>
    /// <param name="now">No visit is later: a node's clock may be ahead.</param>
    public static NpgsqlBatchCommand Write(
        NodeIdentity node, IReadOnlyList<TokenVisit> visits, DateTimeOffset now) => SqlCommands.BatchCommand(
            Sql,
            visits.Select(visit => visit.Order).ToArray(),
            visits.Select(visit => Earlier(visit.At.ToUniversalTime(), now)).ToArray(),
            SqlCommands.Texts(visits.Select(visit => visit.Source)),
            SqlCommands.Texts(visits.Select(visit => visit.UserAgent)),
            visits.Select(visit => visit.Status).ToArray(),
            visits.Select(visit => visit.Bytes).ToArray(),
            node.Fleet, node.Id, MostPerOrder, MostPerSource);

    private static bool IsSound(TokenVisit? visit) =>
        visit is { Order: > 0, Status: >= 100 and <= 599, Bytes: >= 0 }
        && (visit.Source is null || IPAddress.TryParse(visit.Source, out _))
        && (visit.UserAgent is null
            || (visit.UserAgent.Length <= Routes.MaxUserAgent && !visit.UserAgent.Any(char.IsControl)));

    private static DateTimeOffset Earlier(DateTimeOffset one, DateTimeOffset other) => one < other ? one : other;
}
