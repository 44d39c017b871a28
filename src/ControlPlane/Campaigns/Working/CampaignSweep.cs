using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Drills;
using ControlPlane.Jobs;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Campaigns.Working;

/// <summary>
/// Works off the campaigns: reads off what is done, then opens the next successors by rank, each in a transaction of
/// its own. Everything it knows is in the rows, so that a killed one goes on and none is repeated.
/// <para>A campaign may hold a hundred thousand domains. No more than <see cref="CampaignOptions.OrdersPerTurn"/> of
/// its orders stand before the CA's door at a time, behind everybody for whom a customer waits. Where so many wait for
/// one CA that does not answer, those of other CAs go on.</para>
/// </summary>
internal sealed partial class CampaignSweep(
    IDbContextFactory<ControlPlaneDb> databases,
    NpgsqlDataSource database,
    Authorities authorities,
    IOptions<CampaignOptions> options,
    IWakes wakes,
    TimeProvider time,
    ILogger<CampaignSweep> log) : ISweep
{
    /// <summary>How often it comes.</summary>
    public static readonly TimeSpan BetweenTurns = TimeSpan.FromSeconds(5);

    /// <summary>Until a row that met a fault is looked at again: the others go on meanwhile.</summary>
    private static readonly TimeSpan AfterFault = TimeSpan.FromMinutes(1);

    public async Task RunAsync(CancellationToken ct)
    {
        await using (var connection = await database.OpenConnectionAsync(ct))
        {
            await using (var forget = connection.Command(
                "DELETE FROM campaigns WHERE state = 'Planned' AND created_at < $1",
                time.GetUtcNow().ToUniversalTime() - Campaign.PlanKept))
            {
                // By itself: within the next transaction it would lock campaigns in another order than a start does.
                await forget.ExecuteNonQueryAsync(ct);
            }

            await using var transaction = await connection.BeginTransactionAsync(ct);
            var isUnderWay = await CampaignSettlement.RunAsync(connection, time.GetUtcNow().ToUniversalTime(), ct);
            await transaction.CommitAsync(ct);
            if (!isUnderWay)
            {
                return;
            }
        }

        foreach (var (campaign, domain) in await NextAsync(ct))
        {
            await OpenOneAsync(campaign, domain, ct);
        }
    }

    private async Task OpenOneAsync(Guid campaign, Guid domain, CancellationToken ct)
    {
        try
        {
            if (await OpenSuccessor.RunAsync(databases, campaign, domain, time.NowStored(), ct) is { } hostname)
            {
                Failpoint.OfThisProcess.Pass("Campaign.commit.Opened", hostname);
                wakes.Wake(OrderState.PendingDns);
            }
        }
        catch (DbUpdateException fault)
        {
            // Most likely another order of the name came first: then the next look finds it.
            LogPostponed(fault, domain, AfterFault);
            await using var command = database.CreateCommand(
                """
                UPDATE campaign_domains SET state = 'Failed', reason = coalesce(reason, $4), next_attempt_at = $3
                WHERE campaign_id = $1 AND domain_id = $2 AND state IN ('Waiting', 'Failed')
                """);
            command.Parameters.Add(new() { Value = campaign });
            command.Parameters.Add(new() { Value = domain });
            command.Parameters.Add(new() { Value = time.NowStored() + AfterFault });
            command.Parameters.Add(new() { Value = Http.Reasons.Surprise.Code });
            await command.ExecuteNonQueryAsync(ct);
        }
    }

    /// <summary>The most urgent that have no order, of the campaign whose deadline is next, as many as there is room
    /// for; those that failed before come last.</summary>
    private async Task<List<(Guid Campaign, Guid Domain)>> NextAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            WITH at_the_door AS (
                SELECT DISTINCT orders.id, orders.ca, coalesce(orders.reason, '') IN (
                    'ca-not-reachable', 'ca-credential-refused', 'ca-not-configured') AS held
                FROM campaign_domains ahead JOIN orders ON orders.id = ahead.order_id
                WHERE ahead.state = 'Ordered'
                  AND (orders.state = 'PendingOrder' OR (orders.state = 'PendingDns' AND orders.snoozes = 0))),
            shut AS (SELECT ca FROM at_the_door WHERE held GROUP BY ca HAVING count(*) >= $2)
            SELECT row.campaign_id, row.domain_id
            FROM campaign_domains row JOIN campaigns ON campaigns.id = row.campaign_id
                JOIN domains domain ON domain.id = row.domain_id JOIN tenants tenant ON tenant.id = domain.tenant_id
            WHERE campaigns.state = 'Running' AND row.state IN ('Waiting', 'Failed')
              AND (row.next_attempt_at IS NULL OR row.next_attempt_at <= $1)
              AND coalesce(domain.certificate_authority, tenant.certificate_authority, $3)
                  NOT IN (SELECT ca FROM shut)
            ORDER BY row.state = 'Failed', campaigns.deadline, campaigns.id, row.rank
            LIMIT greatest(0, $2 - (SELECT count(*) FROM at_the_door WHERE ca NOT IN (SELECT ca FROM shut)))
            """);
        command.Parameters.Add(new() { Value = time.NowStored() });
        command.Parameters.Add(new() { Value = options.Value.OrdersPerTurn });
        command.Parameters.Add(new() { Value = authorities.Default });
        await using var reader = await command.ExecuteReaderAsync(ct);
        List<(Guid, Guid)> next = [];
        while (await reader.ReadAsync(ct))
        {
            next.Add((reader.GetGuid(0), reader.GetGuid(1)));
        }

        return next;
    }

    [LoggerMessage(
        Level = LogLevel.Warning, Message = "No successor could be opened for domain {Domain}; again in {Pause}")]
    private partial void LogPostponed(Exception fault, Guid domain, TimeSpan pause);
}
