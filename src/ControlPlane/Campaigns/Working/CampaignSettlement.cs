using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http;
using Npgsql;

namespace ControlPlane.Campaigns.Working;

/// <summary>
/// Reads off the orders how far the campaigns are. Set by set and from the rows alone, so that it may be killed and
/// repeated at will. The campaigns' rows are locked first: a command that comes at the same time waits, and finds them
/// settled.
/// </summary>
internal static class CampaignSettlement
{
    /// <summary>Pauses before the next order after one that failed, in minutes: a campaign has hours, and the first
    /// failures are mostly a CA's bad minute. The last one repeats until the deadline.</summary>
    private static readonly int[] RetryMinutes = [2, 10, 30, 60];

    private const string Locked =
        """
        WITH locked AS (
            SELECT id FROM campaigns
            WHERE state IN ('Running', 'Paused') OR (state = 'Aborted' AND EXISTS (
                SELECT 1 FROM campaign_domains WHERE campaign_id = campaigns.id AND state = 'Ordered'))
            ORDER BY id FOR UPDATE)
        SELECT count(*) FROM locked
        """;

    /// <summary>Another certificate is proven on every serving node, whoever ordered it; what is served is always that.
    /// Where the campaign says so the old one is revoked, as if that had been asked for by hand.</summary>
    private const string Proven =
        """
        WITH replaced AS (
            UPDATE campaign_domains row
            SET state = 'Replaced', order_id = proven.order_id, reason = NULL, detail = NULL, next_attempt_at = NULL,
                settled_at = orders.state_since
            FROM domains JOIN bundles proven ON proven.id = domains.active_bundle_id
            JOIN orders ON orders.id = proven.order_id
            WHERE row.state IN ('Waiting', 'Ordered', 'Failed') AND domains.id = row.domain_id
              AND domains.active_bundle_id <> row.bundle_id
            RETURNING row.campaign_id, row.domain_id, row.bundle_id, row.order_id, domains.tenant_id
        ), revoked AS (
            INSERT INTO revocations (bundle_id, domain_id, reason, at_once, state, requested_at, order_id)
            SELECT bundle_id, replaced.domain_id, revoke_after, false, 'WaitingForReplacement', $1, replaced.order_id
            FROM replaced JOIN campaigns ON campaigns.id = campaign_id JOIN bundles ON bundles.id = bundle_id
            WHERE revoke_after IS NOT NULL AND not_after > $1
            ON CONFLICT DO NOTHING RETURNING bundle_id, reason
        )
        INSERT INTO events (at, tenant_id, domain_id, order_id, type, message)
        SELECT $1, tenant_id, replaced.domain_id, bundles.order_id, $2, 'Certificate ' || serial || ' is to be revoked '
               || '(' || reason || '), as its campaign asks: its successor is proven.'
        FROM revoked JOIN replaced USING (bundle_id) JOIN bundles ON bundles.id = bundle_id
        """;

    private const string Gone =
        """
        UPDATE campaign_domains row
        SET state = 'Skipped', obstacle = 'Gone', next_attempt_at = NULL
        FROM domains WHERE domains.id = row.domain_id AND row.state IN ('Waiting', 'Ordered', 'Failed')
          AND (domains.status <> 'Active' OR domains.claim = 'Lost')
        """;

    private const string Left =
        """
        UPDATE campaign_domains row SET state = 'Skipped', obstacle = 'Left', next_attempt_at = NULL
        FROM domains WHERE domains.id = row.domain_id AND row.state IN ('Waiting', 'Failed')
          AND (domains.dns_away_since IS NOT NULL OR domains.renewals_stopped_at IS NOT NULL)
        """;

    /// <summary>Several campaigns may have found it away: one takes it, of the running ones that whose deadline is
    /// next, and the others see it when that one is done with it.</summary>
    private const string CameBack =
        """
        UPDATE campaign_domains row
        SET state = 'Waiting', obstacle = NULL, expected_at = greatest($1, (
            SELECT max(expected_at) FROM campaign_domains others WHERE others.campaign_id = row.campaign_id))
        FROM (
            SELECT DISTINCT ON (away.domain_id) away.domain_id, away.campaign_id
            FROM campaign_domains away
            JOIN domains ON domains.id = away.domain_id JOIN campaigns ON campaigns.id = away.campaign_id
            WHERE campaigns.state IN ('Running', 'Paused') AND away.state = 'Skipped' AND away.obstacle = 'Left'
              AND domains.dns_away_since IS NULL AND domains.renewals_stopped_at IS NULL
              AND domains.status = 'Active' AND domains.claim <> 'Lost'
              AND NOT EXISTS (
                  SELECT 1 FROM campaign_domains other WHERE other.domain_id = away.domain_id
                    AND other.state IN ('Waiting', 'Ordered', 'Failed'))
            ORDER BY away.domain_id, campaigns.state = 'Paused', campaigns.deadline, campaigns.id) back
        WHERE row.campaign_id = back.campaign_id AND row.domain_id = back.domain_id
        """;

    private const string FailedOrders =
        """
        UPDATE campaign_domains row
        SET state = 'Failed', reason = coalesce(orders.reason, $2), detail = orders.reason_detail,
            attempts = row.attempts + 1,
            next_attempt_at = $1 + make_interval(mins => ($3::int[])[least(row.attempts + 1, cardinality($3))])
        FROM orders WHERE orders.id = row.order_id AND row.state = 'Ordered' AND orders.state IN ('Failed', 'Canceled')
        """;

    /// <summary>Its order was overtaken by another one before it was proven: which one is looked for anew.</summary>
    private const string Overtaken =
        """
        UPDATE campaign_domains row SET state = 'Waiting', order_id = NULL
        FROM orders WHERE orders.id = row.order_id AND row.state = 'Ordered' AND orders.state = 'Superseded'
        """;

    private const string GivenUp =
        """
        UPDATE campaign_domains row
        SET state = CASE WHEN row.state = 'Failed' THEN 'GivenUp' ELSE 'Dropped' END, next_attempt_at = NULL,
            settled_at = $1
        FROM campaigns WHERE campaigns.id = row.campaign_id
          AND ((row.state = 'Failed' AND campaigns.deadline <= $1)
              OR (row.state IN ('Waiting', 'Failed') AND campaigns.state = 'Aborted'))
        """;

    private const string Late =
        """
        WITH late AS (
            UPDATE campaigns SET late_told_at = $1
            WHERE state IN ('Running', 'Paused') AND deadline <= $1 AND late_told_at IS NULL
            RETURNING id
        )
        INSERT INTO events (at, campaign_id, type, message)
        SELECT $1, late.id, $2, 'The deadline has passed: ' ||
               count(row.domain_id) FILTER (WHERE row.state IN ('Waiting', 'Ordered')) || ' are still to be replaced, '
               || count(row.domain_id) FILTER (WHERE row.state = 'GivenUp') || ' failed and are given up.'
        FROM late LEFT JOIN campaign_domains row ON row.campaign_id = late.id GROUP BY late.id
        """;

    private const string Completed =
        """
        WITH done AS (
            UPDATE campaigns SET state = 'Completed', paused_at = NULL, finished_at = $1
            WHERE state IN ('Running', 'Paused') AND NOT EXISTS (
                SELECT 1 FROM campaign_domains row
                WHERE row.campaign_id = campaigns.id AND row.state IN ('Waiting', 'Ordered', 'Failed'))
            RETURNING id
        )
        INSERT INTO events (at, campaign_id, type, message)
        SELECT $1, done.id, $2, 'Completed: ' ||
               count(row.domain_id) FILTER (WHERE row.state = 'Replaced') || ' replaced, ' ||
               count(row.domain_id) FILTER (WHERE row.state = 'GivenUp') || ' failed, ' ||
               count(row.domain_id) FILTER (WHERE row.state = 'Skipped') || ' left out.'
        FROM done LEFT JOIN campaign_domains row ON row.campaign_id = done.id GROUP BY done.id
        """;

    /// <summary>Within the caller's transaction. False when no campaign is under way.</summary>
    public static async Task<bool> RunAsync(NpgsqlConnection connection, DateTimeOffset now, CancellationToken ct)
    {
        await using var turn = connection.Command(Locked);
        if (await turn.ExecuteScalarAsync(ct) is 0L)
        {
            return false;
        }

        await ExecuteAsync(Proven, now, EventTypes.RevocationRequested);
        await ExecuteAsync(Gone);
        await ExecuteAsync(FailedOrders, now, Reasons.Surprise.Code, RetryMinutes);
        await ExecuteAsync(Overtaken);
        await ExecuteAsync(Left);
        await ExecuteAsync(CameBack, now);
        await ExecuteAsync(GivenUp, now);
        await ExecuteAsync(Late, now, EventTypes.CampaignLate);
        await ExecuteAsync(Completed, now, EventTypes.CampaignCompleted);
        return true;

        async Task ExecuteAsync(string sql, params object[] values)
        {
            await using var command = connection.Command(sql, values);
            await command.ExecuteNonQueryAsync(ct);
        }
    }
}
