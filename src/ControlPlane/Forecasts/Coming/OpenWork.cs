using ControlPlane.CertificateAuthorities.CertCentral;
using ControlPlane.Domains;
using Npgsql;

namespace ControlPlane.Forecasts.Coming;

/// <summary>What is due already at CertCentral. An order that was not looked at yet counts as its.</summary>
/// <param name="Orders">Orders under way.</param>
/// <param name="Calls">The calls that they have before them.</param>
/// <param name="ImportRows">Names of files that are not registered yet: an order each.</param>
internal sealed record OpenWork(int Orders, long Calls, int ImportRows)
{
    /// <summary>Counts it. What waits for a customer is counted too: it may go on at any moment.</summary>
    public static async Task<OpenWork> ReadAsync(
        NpgsqlDataSource database, string defaultCa, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"""
            SELECT state, kind <> 'Adoption', count(*)::int FROM orders
            WHERE state IN ({UnderWay}) AND ca = $2 GROUP BY 1, 2
            UNION ALL
            SELECT NULL, NULL, count(*)::int
            FROM import_rows row JOIN imports ON imports.id = row.import_id
                LEFT JOIN tenants tenant ON tenant.id = imports.tenant_id
            WHERE row.outcome = 'Pending' AND coalesce(tenant.certificate_authority, $1) = $2
            """);
        command.Parameters.Add(new() { Value = defaultCa });
        command.Parameters.Add(new() { Value = CertCentralAuthority.TheName });
        var found = new OpenWork(0, 0, 0);
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            var count = reader.GetInt32(2);
            if (await reader.IsDBNullAsync(0, ct))
            {
                found = found with { ImportRows = count };
                continue;
            }

            // An adoption buys nothing.
            var calls = reader.GetBoolean(1) ? OrderCalls.Left(Enum.Parse<OrderState>(reader.GetString(0))) : 0;
            found = found with { Orders = found.Orders + count, Calls = found.Calls + ((long)calls * count) };
        }

        return found;
    }

    /// <summary>States of an order that will give its domain a certificate, for SQL.</summary>
    public const string UnderWay =
        "'PendingDns', 'PendingOrder', 'PendingValidation', 'PendingIssuance', 'PendingDeployment'";
}
