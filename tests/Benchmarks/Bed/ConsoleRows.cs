using Npgsql;

namespace Benchmarks.Bed;

/// <summary>
/// A control plane of 100,000 domains as it looks after a year, written by SQL: four fleets of three nodes, renewed
/// certificates, domains that wait for everybody, events, webhooks and a trail. Whatever is planned is planned for
/// later than the measurement, so that the jobs leave it alone.
/// </summary>
internal sealed class ConsoleRows(NpgsqlDataSource database)
{
    /// <summary>One statement each, in order of what refers to what.</summary>
    private static readonly IReadOnlyList<string> Statements =
    [
        """
        INSERT INTO fleets (id, name, cname_target, revision, released_revision, created_at)
        SELECT gen_random_uuid(), 'fleet-' || n, 'fleet-' || n || '.edge.example', 30000, 30000, now()
        FROM generate_series(1, 4) n
        """,
        """
        INSERT INTO nodes (id, fleet_id, name, standing, http_endpoint, signing_key, signing_key_id, sealing_key,
                           sealing_key_id, agent_version, haproxy_version, haproxy_started_at, epoch, revision,
                           joined_at, last_seen_at)
        SELECT gen_random_uuid(), id, 'node-' || n, 'Serving', '192.0.2.1:80', 'x', name || n, 'x', name || n, '0.1.0',
               '2.6.12', now() - interval '40 days', 1, 30000 - n, now() - interval '90 days', now() + interval '1 day'
        FROM fleets CROSS JOIN generate_series(1, 3) n WHERE name LIKE 'fleet-%'
        """,
        """
        INSERT INTO tenants (id, name, created_at)
        SELECT gen_random_uuid(), 'tenant-' || n, now() FROM generate_series(1, 200) n
        """,
        """
        CREATE TEMP TABLE made AS
        SELECT n, gen_random_uuid() AS id, gen_random_uuid() AS old_order, gen_random_uuid() AS new_order,
               gen_random_uuid() AS old_bundle, gen_random_uuid() AS new_bundle,
               'shop-' || n || '.' || md5(n::text)::char(12) || '.example' AS hostname,
               now() - n * interval '400 days' / $1 AS born,
               CASE WHEN n % 100 < 94 THEN 'Active' WHEN n % 100 < 98 THEN 'Pending' WHEN n % 100 < 99 THEN 'Failed'
                    ELSE 'Deleting' END AS status,
               (ARRAY(SELECT id FROM fleets WHERE name LIKE 'fleet-%' ORDER BY name))[1 + n % 4] AS fleet,
               (ARRAY(SELECT id FROM tenants WHERE name LIKE 'tenant-%' ORDER BY name))[1 + n % 200] AS tenant
        FROM generate_series(1, $1) n
        """,
        """
        INSERT INTO domains (id, tenant_id, fleet_id, hostname, key_algorithm, status, created_at, activated_at,
                             dns_look_due_at, dns_away_since, dns_failed_looks)
        SELECT id, tenant, fleet, hostname, 'EcdsaP256', status, born,
               CASE WHEN status = 'Active' THEN born + interval '20 seconds' END, now() + interval '1 day',
               CASE WHEN status = 'Active' AND n % 1000 = 7 THEN now() - interval '3 days' END,
               CASE WHEN status = 'Active' AND n % 1000 = 7 THEN 3 ELSE 0 END
        FROM made
        """,
        """
        INSERT INTO chains (id, intermediates) VALUES (repeat('0', 64), ARRAY['x'::bytea])
        """,
        """
        INSERT INTO orders (id, domain_id, hostname, kind, state, state_since, bundle_id, created_at, closed_at,
                            waited_for_customer, waited_for_us, waited_for_ca, waited_for_nodes)
        SELECT old_order, id, hostname, 'New', 'Superseded', born, old_bundle, born, born,
               random() * interval '10 minutes', random() * interval '3 seconds', random() * interval '40 seconds',
               random() * interval '5 seconds'
        FROM made WHERE status = 'Active'
        """,
        """
        INSERT INTO orders (id, domain_id, hostname, kind, state, state_since, reason, reason_detail, next_attempt_at,
                            ca_order_id, bundle_id, created_at, closed_at, key_id, csr, findings)
        SELECT new_order, id, hostname, CASE status WHEN 'Active' THEN 'Reissue' ELSE 'New' END,
               CASE status WHEN 'Active' THEN 'Active' WHEN 'Failed' THEN 'Failed' WHEN 'Deleting' THEN 'Canceling'
                    ELSE (ARRAY['PendingDns', 'PendingDns', 'PendingDns', 'PendingValidation'])[1 + n % 4] END,
               now() - interval '1 hour',
               CASE status WHEN 'Failed' THEN (ARRAY['ca-refused', 'dns-timed-out'])[1 + n / 100 % 2]
                    WHEN 'Pending' THEN (ARRAY['dns-not-there', 'dns-elsewhere', 'caa-forbids', NULL])[1 + n % 4] END,
               CASE status WHEN 'Pending' THEN 'The name was looked up and is not there.' END,
               CASE WHEN status IN ('Pending', 'Deleting') THEN now() + interval '1 day' END,
               '4711', CASE status WHEN 'Active' THEN new_bundle END, now() - interval '1 hour',
               CASE status WHEN 'Failed' THEN now() END, gen_random_uuid(), decode(repeat('00', 200), 'hex'), '[]'
        FROM made
        """,
        """
        INSERT INTO bundles (id, domain_id, order_id, key_id, chain_id, leaf, issuer, serial, fingerprint, not_before,
                             not_after, created_at)
        SELECT CASE WHEN old THEN old_bundle ELSE new_bundle END, id, CASE WHEN old THEN old_order ELSE new_order END,
               gen_random_uuid(), repeat('0', 64), decode(repeat('ab', 300), 'hex'), 'CN=Bench', n || old::text,
               encode(sha256((n || old::text)::bytea), 'hex'), now() - interval '60 days',
               now() + ((n % 60) + CASE WHEN old THEN 1 ELSE 66 END) * interval '1 day', now()
        FROM made CROSS JOIN unnest(ARRAY[true, false]) old WHERE status = 'Active'
        """,
        """
        UPDATE domains SET active_bundle_id = new_bundle
        FROM made WHERE made.id = domains.id AND made.status = 'Active'
        """,
        """
        INSERT INTO desired_state (fleet_id, domain_id, hostname, bundle_id, order_sequence, revision, changed_at)
        SELECT fleet, id, hostname, new_bundle, n, 1 + n % 30000, now() FROM made WHERE status = 'Active'
        """,
        """
        INSERT INTO node_observations (node_id, domain_id, revision, state, disk_fingerprint, memory_fingerprint,
                                       handshake_fingerprint, observed_at)
        SELECT nodes.id, made.id, 1, CASE WHEN n % 5000 = 1 THEN 'Refused' ELSE 'Serving' END, print, print, print,
               now() - interval '2 hours'
        FROM made JOIN nodes ON nodes.fleet_id = made.fleet,
             LATERAL (SELECT encode(sha256((n || 'false')::bytea), 'hex') AS print) prints
        WHERE status = 'Active'
        """,
        """
        INSERT INTO events (at, tenant_id, domain_id, order_id, type, message, data)
        SELECT born + step * interval '5 seconds', tenant, id, new_order, 'order.moved', 'The order moved on.',
               '{"hostname":"a.example","status":"pending","reason":"ca-validating","waitingOn":"ca"}'
        FROM generate_series(1, 2) step CROSS JOIN made
        """,
        """
        INSERT INTO token_visits (order_id, node_id, at, source, user_agent, status, bytes)
        SELECT new_order, nodes.id, now(), '192.0.2.' || visit, 'DigiCert DCV Bot/1.1', 200, 32
        FROM made JOIN nodes ON nodes.fleet_id = made.fleet AND nodes.name = 'node-1', generate_series(1, 6) visit
        WHERE status = 'Pending'
        """,
        """
        INSERT INTO webhooks (id, tenant_id, url, description, event_types, enabled, cursor, failing_since, held_until,
                              created_at)
        SELECT gen_random_uuid(), id, 'https://hooks.example/' || n, '', '{}', true, 1000000,
               CASE WHEN n = 3 THEN now() END, CASE WHEN n = 3 THEN now() + interval '1 day' END, now()
        FROM tenants CROSS JOIN generate_series(1, 5) n WHERE name LIKE 'tenant-%'
        """,
        """
        INSERT INTO webhook_deliveries (id, webhook_id, event_id, status, attempts, last_attempt_at, last_status,
                                        created_at)
        SELECT gen_random_uuid(), id, told.event, 'Dead', 12, now(), 500, now()
        FROM webhooks, LATERAL (SELECT min(events.id) + nth AS event FROM events, generate_series(1, 10) nth
                                GROUP BY nth) told
        WHERE url LIKE '%/3'
        """,
        """
        INSERT INTO audit_entries (at, phase, actor_kind, actor, role, operation, target, address, request_id, outcome)
        SELECT now(), 'answered', 'key', 'portal', 'portal', 'CreateDomain', '/v1/domains/' || n, '192.0.2.1', n::text,
               '201'
        FROM generate_series(1, 2 * $1) n
        """,
        """
        INSERT INTO campaigns (id, reason, filter, priority, deadline, is_rehearsal, plan, state, created_at,
                               started_at, paused_at, finished_at)
        SELECT gen_random_uuid(), 'A campaign of the benchmark.', '{}', 'Expiry', now() + interval '1 day', false,
               jsonb_build_object('found', 1, 'toReplace', 1, 'underWay', 0, 'cannot', '[]'::jsonb, 'caCalls', 3,
                   'authorities', '[]'::jsonb, 'orderSeconds', 4, 'seconds', 4, 'eta', now(), 'fits', true, 'late', 0),
               state,
               now() - interval '2 hours', now() - interval '1 hour', CASE state WHEN 'Paused' THEN now() END,
               CASE state WHEN 'Completed' THEN now() END
        FROM unnest(ARRAY['Paused', 'Completed']) state
        """,
        """
        INSERT INTO campaign_domains (campaign_id, domain_id, bundle_id, rank, state, order_id, reason,
                                      next_attempt_at, expected_at, settled_at)
        SELECT campaigns.id, made.id, made.new_bundle, n, how, CASE WHEN how <> 'Waiting' THEN new_order END,
               CASE how WHEN 'Failed' THEN 'ca-refused' END, CASE how WHEN 'Failed' THEN now() + interval '1 day' END,
               now(), CASE how WHEN 'Replaced' THEN now() END
        FROM made CROSS JOIN campaigns, LATERAL (
            SELECT CASE WHEN campaigns.state = 'Completed' OR n % 2 = 0 THEN 'Replaced' WHEN n % 100 = 1 THEN 'Failed'
                   ELSE 'Waiting' END AS how) hows
        WHERE made.status = 'Active'
        """,
        // As the sweep would within a minute.
        "UPDATE nodes SET shows_all = true",
        "DROP TABLE made",
    ];

    /// <summary>Writes them all, as the owner of the tables.</summary>
    public async Task FillAsync(int domains, CancellationToken stop)
    {
        await using var connection = await database.OpenConnectionAsync(stop);
        // Orders and bundles name each other, which is checked at the end.
        await using var transaction = await connection.BeginTransactionAsync(stop);
        foreach (var statement in Statements)
        {
            await RunAsync(connection, statement.Replace("$1", $"{domains}", StringComparison.Ordinal), stop);
        }

        await transaction.CommitAsync(stop);
        // As autovacuum would soon.
        await RunAsync(connection, "VACUUM ANALYZE", stop);
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql, CancellationToken stop)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        command.CommandTimeout = 240;
        await command.ExecuteNonQueryAsync(stop);
    }
}
