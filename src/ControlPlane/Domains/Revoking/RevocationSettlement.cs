using Npgsql;

namespace ControlPlane.Domains.Revoking;

/// <summary>
/// Reads off the rows how far replacements are and what may be sent. From the rows alone, so that it may be killed and
/// repeated at will.
/// </summary>
internal static class RevocationSettlement
{
    /// <summary>Nobody is served with it: the fleet does not want it, and what was proven last, on every serving node,
    /// is another. Of a domain that is deleted, or lost its name, there is nothing to wait for.</summary>
    private const string Replaced =
        """
        UPDATE revocations row
        SET replaced_at = $1, next_order_at = NULL,
            state = CASE WHEN state = 'WaitingForReplacement' THEN 'Sending' ELSE state END,
            next_attempt_at = CASE WHEN state = 'WaitingForReplacement' THEN $1 ELSE next_attempt_at END
        FROM domains
        WHERE row.replaced_at IS NULL AND domains.id = row.domain_id
          AND (domains.status IN ('Deleting', 'Deleted') OR domains.claim = 'Lost'
               OR NOT EXISTS (SELECT 1 FROM bundles_in_use used WHERE used.bundle_id = row.bundle_id))
        """;

    private const string FailedOrders =
        """
        UPDATE revocations row
        SET order_id = NULL, orders_failed = orders_failed + 1,
            next_order_at = $1 + make_interval(mins => ($2::int[])[least(orders_failed + 1, cardinality($2))])
        FROM orders
        WHERE orders.id = row.order_id AND row.replaced_at IS NULL AND orders.state IN ('Failed', 'Canceled')
        """;

    /// <summary>Its order was overtaken by another before it was proven: which one is looked for anew.</summary>
    private const string Overtaken =
        """
        UPDATE revocations row SET order_id = NULL
        FROM orders
        WHERE orders.id = row.order_id AND row.replaced_at IS NULL AND orders.state = 'Superseded'
        """;

    private const string Ended =
        """
        WITH ended AS (
            UPDATE revocations row SET state = 'Failed', next_attempt_at = NULL, detail = 'It ended before that.'
            FROM bundles
            WHERE bundles.id = row.bundle_id AND row.state NOT IN ('Revoked', 'Failed') AND bundles.not_after <= $1
            RETURNING bundles.serial, bundles.domain_id, bundles.order_id
        )
        INSERT INTO events (at, tenant_id, domain_id, order_id, type, message)
        SELECT $1, domains.tenant_id, domains.id, ended.order_id, $2,
               'Certificate ' || ended.serial || ' ended before it was revoked: nothing is left to be done.'
        FROM ended JOIN domains ON domains.id = ended.domain_id
        """;

    /// <summary>Each statement by itself: none stands on another.</summary>
    public static async Task RunAsync(NpgsqlDataSource database, DateTimeOffset now, CancellationToken ct)
    {
        await ExecuteAsync(Ended, now, EventTypes.RevocationFailed);
        await ExecuteAsync(Replaced, now);
        await ExecuteAsync(
            FailedOrders, now, RevocationSchedule.AfterFailedOrder.Select(wait => (int)wait.TotalMinutes).ToArray());
        await ExecuteAsync(Overtaken);

        async Task ExecuteAsync(string sql, params object[] parameters)
        {
            await using var command = database.CreateCommand(sql);
            foreach (var value in parameters)
            {
                command.Parameters.Add(new() { Value = value });
            }

            await command.ExecuteNonQueryAsync(ct);
        }
    }
}
