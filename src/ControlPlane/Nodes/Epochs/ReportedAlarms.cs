using ControlPlane.Contracts;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http;
using ControlPlane.Nodes.Access;
using ControlPlane.Nodes.Observing;
using Npgsql;

namespace ControlPlane.Nodes.Epochs;

/// <summary>What an agent says of itself beside its rows: alarms, the age of its newest answer, and names it serves
/// that nobody here knows.</summary>
internal static class ReportedAlarms
{
    private const int MaxCode = 64;
    private const int MaxDetail = 1000;

    /// <summary>An alarm that begins is an event, and so is one that ends, as far as <see cref="EventAllowance"/>
    /// goes.</summary>
    private const string AlarmsSql =
        """
        WITH said AS (SELECT * FROM unnest($2::text[], $3::text[]) AS said (code, detail)),
        over AS (
            DELETE FROM node_alarms WHERE node_id = $1 AND code <> ALL ($2) RETURNING code
        ), begun AS (
            INSERT INTO node_alarms (node_id, code, detail, since) SELECT $1, code, detail, $4 FROM said
            ON CONFLICT (node_id, code) DO UPDATE SET detail = excluded.detail
                WHERE node_alarms.detail <> excluded.detail
            RETURNING code, detail, xmax = 0 AS is_new
        ), news AS (
            SELECT *, row_number() OVER () AS number FROM (
                SELECT $6 AS type, code || '. ' || detail AS message FROM begun WHERE is_new
                UNION ALL
                SELECT $7, code || ' is over.' FROM over) AS changed
        ), counted AS (
            UPDATE nodes SET
                events_since = CASE WHEN events_asked = 0 THEN $4 ELSE events_since END,
                events_asked = least(events_asked + (SELECT count(*) FROM news), 1000000000)
            WHERE id = $1 AND EXISTS (SELECT 1 FROM news)
        )
        INSERT INTO events (at, type, message)
        SELECT $4, type, 'Node ' || $5 || ': ' || message FROM news
        WHERE number <= $8 - (SELECT events_asked FROM nodes WHERE id = $1)
        """;

    private const string StraysSql =
        """
        WITH said AS (
            SELECT * FROM unnest($2::text[], $3::text[], $4::timestamptz[]) AS said (hostname, fingerprint, not_after)
        ), gone AS (
            DELETE FROM node_strays WHERE node_id = $1 AND hostname <> ALL ($2)
        ), counted AS (
            UPDATE nodes SET strays = $5, strays_epoch = $6 WHERE id = $1
        )
        INSERT INTO node_strays (node_id, hostname, fingerprint, not_after)
        SELECT $1, hostname, fingerprint, not_after FROM said
        ON CONFLICT (node_id, hostname) DO UPDATE
        SET fingerprint = excluded.fingerprint, not_after = excluded.not_after
        """;

    /// <summary>Every fault of this part of a report.</summary>
    public static IEnumerable<FieldProblem> Faults(ObservedStateReport report)
    {
        if (report.Alarms is not { Count: <= Routes.MaxAlarms } alarms
            || alarms.DistinctBy(alarm => alarm?.Code).Count() != alarms.Count
            || !alarms.All(alarm => alarm is { Code.Length: > 0 and <= MaxCode, Detail: not null }))
        {
            yield return new FieldProblem(
                "alarms", "invalid", $"alarms must be at most {Routes.MaxAlarms}, each code once, with a detail.");
        }

        if (report.Strays is { } strays
            && (strays.Names is not { Count: <= Routes.MaxStrays } names || strays.Total < names.Count
                || names.DistinctBy(name => name?.Hostname).Count() != names.Count || !names.All(IsName)))
        {
            yield return new FieldProblem(
                "strays", "invalid",
                $"strays must name at most {Routes.MaxStrays} host names, each once and with its fingerprint, and "
                + "count them all.");
        }
    }

    public static NpgsqlBatchCommand Write(
        NodeIdentity node, ObservedStateReport report, DateTimeOffset now) => SqlCommands.BatchCommand(
            AlarmsSql,
            node.Id,
            report.Alarms.Select(alarm => alarm.Code).ToArray(),
            report.Alarms.Select(alarm => ReportedText.Clean(alarm.Detail, MaxDetail)).ToArray(),
            now, node.Name, EventTypes.NodeAlarm, EventTypes.NodeAlarmOver,
            EventAllowance.MostPerMinute);

    public static async Task WriteStraysAsync(
        NpgsqlConnection connection, NodeIdentity node, StrayNames strays, long epoch, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(StraysSql, connection)
        {
            Parameters =
            {
                new() { Value = node.Id },
                new() { Value = strays.Names.Select(name => name.Hostname).ToArray() },
                new() { Value = strays.Names.Select(name => name.Fingerprint).ToArray() },
                new() { Value = strays.Names.Select(name => name.NotAfter.ToUniversalTime()).ToArray() },
                new() { Value = strays.Total },
                new() { Value = epoch },
            },
        };
        await command.ExecuteNonQueryAsync(ct);
    }

    private static bool IsName(StrayName? name) =>
        name is not null && HostnameSyntax.IsValid(name.Hostname)
        && name.Fingerprint is { Length: 64 } text
        && text.All(c => char.IsAsciiDigit(c) || c is >= 'a' and <= 'f');
}
