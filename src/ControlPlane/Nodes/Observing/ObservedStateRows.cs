using ControlPlane.Contracts;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http;
using ControlPlane.Nodes.Access;
using Npgsql;

namespace ControlPlane.Nodes.Observing;

/// <summary>The rows of a report: checked, then written in one statement with the events their refusals
/// deserve.</summary>
internal static class ObservedStateRows
{
    private const int MaxCode = 64;
    private const int MaxDetail = 2000;
    private const int MaxVersion = 100;

    /// <summary>Rows of domains that are not this fleet's are dropped: a node speaks for its own fleet; and those that
    /// say what is known already: an agent that tells everything again costs a read. A refusal becomes an event when it
    /// is new, or another than before, as far as <see cref="EventAllowance"/> goes; the statement's snapshot still
    /// shows what was there.</summary>
    private const string Sql =
        """
        WITH said AS (
            SELECT row.*, domains.tenant_id, domains.hostname, domains.status
            FROM unnest(
                 $1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
                 AS row (domain_id, revision, state, disk, memory, handshake, code, detail)
            JOIN domains ON domains.id = row.domain_id AND domains.fleet_id = $9
        ), news AS (
            SELECT said.*, before.state AS state_before, before.error_code AS code_before,
                   before.revision AS revision_before
            FROM said
            LEFT JOIN node_observations before ON before.node_id = $10 AND before.domain_id = said.domain_id
            WHERE (before.revision, before.state, before.disk_fingerprint, before.memory_fingerprint,
                   before.handshake_fingerprint, before.error_code, before.error_detail)
                  IS DISTINCT FROM
                  (said.revision, said.state, said.disk, said.memory, said.handshake, said.code, said.detail)
        ), refused AS (
            SELECT *, row_number() OVER (ORDER BY domain_id) AS number FROM news
            WHERE state = 'Refused'
              AND (state_before, code_before, revision_before) IS DISTINCT FROM ('Refused', code, revision)
        ), told AS (
            INSERT INTO events (at, tenant_id, domain_id, type, message, data)
            SELECT $11, tenant_id, domain_id, $12,
                   'Node ' || $13 || ' refused the bundle of ' || hostname || ' (' || code || '): ' || detail,
                   jsonb_build_object('hostname', hostname, 'status', lower(status),
                                      'reason', 'node-refused', 'waitingOn', 'operator')
            FROM refused
            WHERE number <= $14 - (SELECT events_asked FROM nodes WHERE id = $10)
            ORDER BY domain_id
        ), counted AS (
            UPDATE nodes SET
                events_since = CASE WHEN events_asked = 0 THEN $11 ELSE events_since END,
                events_asked = least(events_asked + (SELECT count(*) FROM refused), 1000000000)
            WHERE id = $10 AND EXISTS (SELECT 1 FROM refused)
        )
        INSERT INTO node_observations (node_id, domain_id, revision, state, disk_fingerprint, memory_fingerprint,
                                       handshake_fingerprint, error_code, error_detail, observed_at)
        SELECT $10, domain_id, revision, state, disk, memory, handshake, code, detail, $11 FROM news
        ON CONFLICT (node_id, domain_id) DO UPDATE
        SET revision = excluded.revision, state = excluded.state, disk_fingerprint = excluded.disk_fingerprint,
            memory_fingerprint = excluded.memory_fingerprint, handshake_fingerprint = excluded.handshake_fingerprint,
            error_code = excluded.error_code, error_detail = excluded.error_detail, observed_at = excluded.observed_at
        """;

    /// <summary>Every fault of the report, not only the first.</summary>
    public static IReadOnlyList<FieldProblem> Faults(ObservedStateReport report)
    {
        List<FieldProblem> faults = [];
        Check(report.ReportNumber > 0, "reportNumber", "must be positive.");
        Check(report is { Epoch: >= 0, Revision: >= 0 }, "revision", "must not be negative; nor may the epoch.");
        Check(
            report.AgentVersion is { Length: > 0 and <= MaxVersion },
            "agentVersion",
            $"must have 1 to {MaxVersion} characters.");
        Check(report.HAProxy is null || report.HAProxy.Version is { Length: <= MaxVersion }, "haProxy.version",
            $"must have at most {MaxVersion} characters.");
        Check(
            report.Rows is { Count: <= Routes.MaxRowsPerReport } && report.Rows.All(row => row is not null),
            "rows",
            $"must be there, with at most {Routes.MaxRowsPerReport} and none of them null.");
        if (report.Rows is { } rows && rows.All(row => row is not null))
        {
            Check(rows.DistinctBy(row => row.Domain).Count() == rows.Count, "rows", "must name each domain once.");
            Check(rows.All(row => Enum.IsDefined(row.State)), "rows.state", "must be a state this API knows.");
            Check(rows.All(row => (row.State == ObservedDomainState.Refused) == (row.Error is not null)), "rows.error",
                "must be there for a refused domain, and only there.");
            Check(
                rows.All(row => row.Error is null or { Code.Length: > 0 and <= MaxCode, Detail: not null }),
                "rows.error.code",
                $"must have 1 to {MaxCode} characters, and a detail.");
            Check(
                rows.All(HasFingerprints), "rows.*Fingerprint", "must be 64 lower-case hexadecimal digits, or absent.");
        }

        return faults;

        void Check(bool holds, string field, string rule)
        {
            if (!holds)
            {
                faults.Add(new FieldProblem(field, "invalid", $"{field} {rule}"));
            }
        }
    }

    /// <summary>Writes the rows; at least one.</summary>
    public static NpgsqlBatchCommand Write(
        NodeIdentity node, IReadOnlyList<ObservedDomain> rows, DateTimeOffset now) => SqlCommands.BatchCommand(
            Sql,
            rows.Select(row => row.Domain).ToArray(),
            rows.Select(row => row.Revision).ToArray(),
            rows.Select(row => row.State.ToString()).ToArray(),
            SqlCommands.Texts(rows.Select(row => row.DiskFingerprint)),
            SqlCommands.Texts(rows.Select(row => row.MemoryFingerprint)),
            SqlCommands.Texts(rows.Select(row => row.HandshakeFingerprint)),
            SqlCommands.Texts(rows.Select(row => row.Error?.Code)),
            SqlCommands.Texts(rows.Select(row =>
                row.Error is { } error ? ReportedText.Clean(error.Detail, MaxDetail) : null)),
            node.Fleet, node.Id, now, EventTypes.NodeRefused, node.Name, EventAllowance.MostPerMinute);

    private static bool HasFingerprints(ObservedDomain row) =>
        new[] { row.DiskFingerprint, row.MemoryFingerprint, row.HandshakeFingerprint }.All(text =>
            text is null || (text.Length == 64 && text.All(c => char.IsAsciiDigit(c) || c is >= 'a' and <= 'f')));
}
