using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Nodes.Access;
using Npgsql;

namespace ControlPlane.Nodes.Observing;

/// <summary>
/// How many events one node may write within a minute by what it reports: events are kept, and a node that changes its
/// mind at every report, for each of its names, would fill the table with them. Past the bound they are counted and not
/// written; what the node reports is kept in any case. Counted in the node's row, which every report locks.
/// </summary>
internal static class EventAllowance
{
    /// <summary>Two nodes that refuse a whole fleet's names at once say no more with the hundred-first.</summary>
    public const int MostPerMinute = 100;

    private const string Sql =
        """
        WITH past AS (
            SELECT events_asked FROM nodes
            WHERE id = $1 AND events_asked > 0 AND events_since <= $2 - interval '1 minute'
        ), told AS (
            INSERT INTO events (at, type, message)
            SELECT $2, $3, 'Node ' || $4 || ': ' || (events_asked - $5)
                   || ' more events of it within a minute were left out; what it reported is kept.'
            FROM past WHERE events_asked > $5
        )
        UPDATE nodes SET events_asked = 0 WHERE id = $1 AND EXISTS (SELECT 1 FROM past)
        """;

    /// <summary>Ends a minute that is over, and tells how much was left out in it. The first of a report's writes: the
    /// others add to <c>events_asked</c>.</summary>
    public static NpgsqlBatchCommand Renew(NodeIdentity node, DateTimeOffset now) => SqlCommands.BatchCommand(
        Sql, node.Id, now, EventTypes.NodeEventsLeftOut, node.Name, MostPerMinute);
}
