using System.Text;
using ControlPlane.Audit;
using ControlPlane.Domains;
using ControlPlane.Http;
using Npgsql;

namespace ControlPlane.Metrics;

/// <summary>
/// What only the database knows, asked when Prometheus asks: the same on every replica, because the rows are the truth.
/// Each query reads an index or a handful of rows.
/// </summary>
internal sealed partial class DatabaseGauges(
    NpgsqlDataSource database, AuditGauges audit, TimeProvider time, ILogger<DatabaseGauges> log)
{
    /// <summary>How families are labelled whose queries select these columns, then the value. Two fleets may have a
    /// node of the same name.</summary>
    private static readonly string[] OfFleet = ["fleet"];
    private static readonly string[] OfNode = ["fleet", "node"];

    /// <summary>A scrape is given up after 10 s by default; a slow database must not cost the other metrics.</summary>
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    private readonly SharedLook<string> _look = new(fresh: TimeSpan.Zero, time);

    /// <summary>The gauges, or nothing but <c>controlplane_database_up 0</c> when the database is away.</summary>
    /// <param name="ct">Ends the caller's wait, not the look: others wait for it.</param>
    public Task<string> WriteAsync(CancellationToken ct) => _look.ReadAsync(LookAsync, ct);

    private async Task<string> LookAsync()
    {
        using var deadline = new CancellationTokenSource(Timeout);
        var text = new StringBuilder();
        var up = 0;
        try
        {
            text.Append(await ReadAsync(deadline.Token)).Append(await audit.WriteAsync(deadline.Token));
            up = 1;
        }
        catch (Exception away) when (away is NpgsqlException or OperationCanceledException)
        {
            LogAway(away.Message);
        }

        PrometheusText.Head(text, "controlplane_database_up", "1 when the database answered this scrape.", "gauge");
        PrometheusText.Sample(text, "controlplane_database_up", "", up);
        return text.ToString();
    }

    private async Task<string> ReadAsync(CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        var text = new StringBuilder();

        PrometheusText.Head(text, "controlplane_orders", "Orders by state.", "gauge");
        var orders = await RowsAsync(connection, "SELECT state, count(*) FROM orders GROUP BY state", ct);
        foreach (var state in Enum.GetNames<OrderState>())
        {
            // States without orders are written as 0: an alert on a missing series never fires.
            PrometheusText.Sample(
                text, "controlplane_orders", PrometheusText.Label("state", state), orders.GetValueOrDefault(state));
        }

        // next_attempt_at is written from the program's clock; comparing with the database's is exact enough for a
        // gauge.
        PrometheusText.Head(text, "controlplane_orders_due", "Orders whose next step is due and not taken.", "gauge");
        var due = await RowsAsync(
            connection,
            "SELECT '', count(*) FROM orders WHERE next_attempt_at <= now() AND coalesce(lease_until <= now(), true)",
            ct);
        PrometheusText.Sample(text, "controlplane_orders_due", "", due[""]);

        await FamilyAsync(
            connection, text, "controlplane_node_lag_revisions",
            "Revisions between the fleet's desired state and the node's.", OfNode,
            """
            SELECT f.name, n.name,
                   CASE WHEN n.epoch < f.epoch THEN f.revision ELSE greatest(f.revision - n.revision, 0) END
            FROM nodes n JOIN fleets f ON f.id = n.fleet_id WHERE n.standing <> 'Retired' ORDER BY 1, 2
            """,
            ct);
        await FamilyAsync(
            connection, text, "controlplane_fleet_epoch", "Epoch of a fleet: raised after a restore.", OfFleet,
            "SELECT name, epoch FROM fleets ORDER BY name", ct);
        await FamilyAsync(
            connection, text, "controlplane_withdrawals_held", "Withdrawals that wait for an admin's approval.",
            OfFleet,
            """
            SELECT name, (SELECT count(*) FROM desired_changes
                          WHERE fleet_id = fleets.id AND held_at IS NOT NULL AND approval IS NULL)
            FROM fleets ORDER BY name
            """,
            ct);
        await FamilyAsync(
            connection, text, "controlplane_fleet_rollout",
            "How a fleet's rollout stands: 0 running, 1 a canary is silent, 2 halted, 3 paused.", OfFleet,
            """
            SELECT name, array_position('{Running,CanarySilent,Halted,Paused}'::text[], rollout)::bigint - 1
            FROM fleets ORDER BY name
            """,
            ct);
        await FamilyAsync(
            connection, text, "controlplane_fleet_unreleased_revisions",
            "Revisions that only canaries may see yet.", OfFleet,
            "SELECT name, revision - released_revision FROM fleets ORDER BY name", ct);
        await FamilyAsync(
            connection, text, "controlplane_node_alarms", "Alarms that a node's agent has raised.", OfNode,
            """
            SELECT f.name, n.name, (SELECT count(*) FROM node_alarms WHERE node_id = n.id)
            FROM nodes n JOIN fleets f ON f.id = n.fleet_id WHERE n.standing <> 'Retired' ORDER BY 1, 2
            """,
            ct);
        await FamilyAsync(
            connection, text, "controlplane_node_strays", "Names a node serves and the database does not want.", OfNode,
            """
            SELECT f.name, n.name, n.strays::bigint
            FROM nodes n JOIN fleets f ON f.id = n.fleet_id WHERE n.standing <> 'Retired' ORDER BY 1, 2
            """,
            ct);
        await FamilyAsync(
            connection, text, "controlplane_nodes", "Nodes by standing.", ["fleet", "standing"],
            """
            SELECT f.name, word, (SELECT count(*) FROM nodes WHERE fleet_id = f.id AND standing = word)
            FROM fleets f CROSS JOIN unnest('{Joining,Serving,Lost,Draining,Retired}'::text[]) word ORDER BY 1, 2
            """,
            ct);
        await FamilyAsync(
            connection, text, "controlplane_ca_failures",
            "Calls that a CA has not answered since its last answer.", ["ca", "calls"],
            "SELECT ca, lower(calls), failures::bigint FROM ca_standings ORDER BY 1, 2", ct);
        await FamilyAsync(
            connection, text, "controlplane_campaign_domains",
            "Domains of campaigns that are running or paused, by how far they are.", ["state"],
            """
            SELECT lower(word), count(row.domain_id)
            FROM unnest('{Waiting,Ordered,Failed,Replaced,Skipped,GivenUp}'::text[]) word
            LEFT JOIN (campaigns JOIN campaign_domains row
                       ON row.campaign_id = campaigns.id AND campaigns.state IN ('Running', 'Paused'))
                ON row.state = word
            GROUP BY word ORDER BY word
            """,
            ct);
        await FamilyAsync(
            connection, text, "controlplane_webhooks",
            "Webhooks by state; held ones failed several times in a row and are left in peace for a while.", ["state"],
            """
            SELECT state, count(hook.id)
            FROM unnest('{enabled,held,disabled}'::text[]) state
            LEFT JOIN webhooks hook ON state = CASE WHEN NOT hook.enabled THEN 'disabled'
                WHEN hook.held_until > now() THEN 'held' ELSE 'enabled' END
            GROUP BY state ORDER BY state
            """,
            ct);
        await FamilyAsync(
            connection, text, "controlplane_webhook_deliveries",
            "Deliveries that wait for another attempt, and that were given up.", ["status"],
            """
            SELECT lower(status), count(delivery.id) FROM unnest('{Retrying,Dead}'::text[]) status
            LEFT JOIN webhook_deliveries delivery USING (status) GROUP BY status ORDER BY status
            """,
            ct);
        PrometheusText.Head(
            text, "controlplane_webhook_oldest_undelivered_seconds",
            "Age of the oldest event that a webhook which is enabled has still to be told of.", "gauge");
        var oldest = await RowsAsync(
            connection,
            """
            SELECT '', greatest(coalesce(extract(epoch FROM now() - min(waiting.at)), 0), 0)::bigint
            FROM webhooks hook, LATERAL (
                (SELECT at FROM events WHERE tenant_id = hook.tenant_id AND id > hook.cursor ORDER BY id LIMIT 1)
                UNION ALL
                SELECT at FROM webhook_deliveries delivery JOIN events ON events.id = delivery.event_id
                WHERE delivery.webhook_id = hook.id AND delivery.status = 'Retrying') waiting
            WHERE hook.enabled
            """,
            ct);
        PrometheusText.Sample(text, "controlplane_webhook_oldest_undelivered_seconds", "", oldest[""]);

        return text.ToString();
    }

    private static async Task FamilyAsync(
        NpgsqlConnection connection, StringBuilder text, string name, string help, string[] labels, string sql,
        CancellationToken ct)
    {
        PrometheusText.Head(text, name, help, "gauge");
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            var of = labels.Select((label, column) => PrometheusText.Label(label, reader.GetString(column)));
            PrometheusText.Sample(text, name, string.Join(',', of), reader.GetInt64(labels.Length));
        }
    }

    private static async Task<Dictionary<string, long>> RowsAsync(
        NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var rows = new Dictionary<string, long>(StringComparer.Ordinal);
        while (await reader.ReadAsync(ct))
        {
            rows.Add(reader.GetString(0), reader.GetInt64(1));
        }

        return rows;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The gauges could not be read: {Cause}")]
    private partial void LogAway(string cause);
}
