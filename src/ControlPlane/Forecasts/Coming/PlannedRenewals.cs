using ControlPlane.CertificateAuthorities.CertCentral;
using Npgsql;

namespace ControlPlane.Forecasts.Coming;

/// <summary>So many renewals within one hour, of certificates that live equally long.</summary>
/// <param name="Hour">Its beginning; now, for those that are due.</param>
/// <param name="LifetimeHours">Of their certificates.</param>
/// <param name="Domains">How many.</param>
/// <param name="IsElsewhere">Whether another CA than CertCentral is chosen for them.</param>
internal sealed record PlannedRenewal(DateTimeOffset Hour, int LifetimeHours, int Domains, bool IsElsewhere = false);

/// <summary>Reads when the domains that are served will be renewed; those without a plan get one within a minute, and
/// are counted as due. Those with an order under way are counted with the orders, and those whose renewals have stopped
/// not at all.</summary>
internal static class PlannedRenewals
{
    public static async Task<IReadOnlyList<PlannedRenewal>> ReadAsync(
        NpgsqlDataSource database, string defaultCa, DateTimeOffset now, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"""
            SELECT date_trunc('hour', greatest(renew_at, $1), 'UTC'),
                round(extract(epoch FROM not_after - not_before) / 3600)::int, count(*)::int,
                coalesce(domain.certificate_authority, tenant.certificate_authority, $2) <> $3
            FROM domains domain JOIN bundles bundle ON bundle.id = domain.active_bundle_id
                JOIN tenants tenant ON tenant.id = domain.tenant_id
            WHERE domain.status = 'Active' AND domain.renewals_stopped_at IS NULL AND domain.id NOT IN (
                SELECT domain_id FROM orders WHERE state IN ({OpenWork.UnderWay}))
            GROUP BY 1, 2, 4
            """);
        command.Parameters.Add(new() { Value = now.ToUniversalTime() });
        command.Parameters.Add(new() { Value = defaultCa });
        command.Parameters.Add(new() { Value = CertCentralAuthority.TheName });
        await using var reader = await command.ExecuteReaderAsync(ct);
        var planned = new List<PlannedRenewal>();
        while (await reader.ReadAsync(ct))
        {
            planned.Add(new PlannedRenewal(
                reader.GetFieldValue<DateTimeOffset>(0), reader.GetInt32(1), reader.GetInt32(2),
                reader.GetBoolean(3)));
        }

        return planned;
    }
}
