using System.Security.Cryptography;
using ControlPlane.Nodes.Publishing;
using Npgsql;
using NpgsqlTypes;

namespace Benchmarks.Bed;

/// <summary>
/// Writes domains and bundles by COPY and publishes them in the same transaction, as another replica would: the control
/// plane under measurement hears of it by NOTIFY.
/// </summary>
/// <param name="database">As the owner of the tables.</param>
/// <param name="fleet">The fleet of all rows.</param>
/// <param name="notAfter">End of all bundles: far enough for no renewal to become due.</param>
internal sealed class DomainRows(NpgsqlDataSource database, Guid fleet, DateTimeOffset notAfter)
{
    private readonly Guid _tenant = Guid.CreateVersion7();
    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();
    private string _chain = "";
    private long _sequence;

    /// <summary>Once, before the first rows.</summary>
    /// <param name="intermediate">The chain of every bundle, DER.</param>
    /// <param name="stop">Gives up.</param>
    public async Task PrepareAsync(byte[] intermediate, CancellationToken stop)
    {
        _chain = Convert.ToHexStringLower(SHA256.HashData(intermediate));
        await using var command = database.CreateCommand(
            """
            WITH tenant AS (INSERT INTO tenants (id, name, created_at) VALUES ($1, 'bench', $2))
            INSERT INTO chains (id, intermediates) VALUES ($3, ARRAY[$4])
            """);
        command.Parameters.Add(new() { Value = _tenant });
        command.Parameters.Add(new() { Value = _now });
        command.Parameters.Add(new() { Value = _chain });
        command.Parameters.Add(new() { Value = intermediate });
        await command.ExecuteNonQueryAsync(stop);
    }

    /// <summary>New domains, so many to a revision.</summary>
    public async Task AddAsync(IReadOnlyList<BenchDomain> domains, int perRevision, CancellationToken stop)
    {
        foreach (var batch in domains.Chunk(perRevision))
        {
            await PublishAsync(batch, areNew: true, stop);
        }

        // As autovacuum would soon: the planner knows the tables' size.
        await using var analyze = database.CreateCommand("ANALYZE");
        await analyze.ExecuteNonQueryAsync(stop);
    }

    /// <summary>Publishes one batch under one revision.</summary>
    /// <returns>The time stamp right before the COMMIT.</returns>
    public async Task<long> PublishAsync(
        IReadOnlyList<BenchDomain> domains, bool areNew, CancellationToken stop)
    {
        _sequence++;
        await using var connection = await database.OpenConnectionAsync(stop);
        await using var transaction = await connection.BeginTransactionAsync(stop);
        if (areNew)
        {
            await CopyDomainsAsync(connection, domains, stop);
        }

        await CopyOrdersAsync(connection, domains, areNew ? "New" : "Renewal", stop);
        await CopyBundlesAsync(connection, domains, stop);
        await CopyChangesAsync(connection, domains, stop);
        _ = await PublishBatch.TakeAsync(connection, fleet, TimeProvider.System.GetUtcNow(), stop)
            ?? throw new InvalidOperationException("Nothing waited for publication.");
        // Deferred checks are the rows' affair: what is timed is the commit and what follows it.
        await using var check = new NpgsqlCommand("SET CONSTRAINTS ALL IMMEDIATE", connection);
        await check.ExecuteNonQueryAsync(stop);
        var committed = TimeProvider.System.GetTimestamp();
        await transaction.CommitAsync(stop);
        return committed;
    }

    private Task CopyDomainsAsync(
        NpgsqlConnection connection, IEnumerable<BenchDomain> domains, CancellationToken stop) => CopyAsync(
            connection,
            "domains (id, tenant_id, fleet_id, hostname, key_algorithm, status, created_at, activated_at)",
            domains,
            async (copy, domain) =>
            {
                await copy.WriteAsync(domain.Id, NpgsqlDbType.Uuid, stop);
                await copy.WriteAsync(_tenant, NpgsqlDbType.Uuid, stop);
                await copy.WriteAsync(fleet, NpgsqlDbType.Uuid, stop);
                await copy.WriteAsync(domain.Hostname, NpgsqlDbType.Text, stop);
                await copy.WriteAsync("EcdsaP256", NpgsqlDbType.Text, stop);
                await copy.WriteAsync("Active", NpgsqlDbType.Text, stop);
                await copy.WriteAsync(_now, NpgsqlDbType.TimestampTz, stop);
                await copy.WriteAsync(_now, NpgsqlDbType.TimestampTz, stop);
            },
            stop);

    private Task CopyOrdersAsync(
        NpgsqlConnection connection, IEnumerable<BenchDomain> domains, string kind, CancellationToken stop) =>
        CopyAsync(
            connection,
            "orders (id, domain_id, hostname, kind, state, state_since, key_id, csr, bundle_id, created_at)",
            domains,
            async (copy, domain) =>
            {
                await copy.WriteAsync(domain.Order, NpgsqlDbType.Uuid, stop);
                await copy.WriteAsync(domain.Id, NpgsqlDbType.Uuid, stop);
                await copy.WriteAsync(domain.Hostname, NpgsqlDbType.Text, stop);
                await copy.WriteAsync(kind, NpgsqlDbType.Text, stop);
                await copy.WriteAsync("Active", NpgsqlDbType.Text, stop);
                await copy.WriteAsync(_now, NpgsqlDbType.TimestampTz, stop);
                await copy.WriteAsync(domain.Key, NpgsqlDbType.Uuid, stop);
                await copy.WriteAsync(Array.Empty<byte>(), NpgsqlDbType.Bytea, stop);
                await copy.WriteAsync(domain.Bundle, NpgsqlDbType.Uuid, stop);
                await copy.WriteAsync(_now, NpgsqlDbType.TimestampTz, stop);
            },
            stop);

    private Task CopyBundlesAsync(
        NpgsqlConnection connection, IEnumerable<BenchDomain> domains, CancellationToken stop) => CopyAsync(
            connection,
            "bundles (id, domain_id, order_id, key_id, chain_id, leaf, issuer, serial, fingerprint, not_before, "
            + "not_after, created_at)",
            domains,
            async (copy, domain) =>
            {
                await copy.WriteAsync(domain.Bundle, NpgsqlDbType.Uuid, stop);
                await copy.WriteAsync(domain.Id, NpgsqlDbType.Uuid, stop);
                await copy.WriteAsync(domain.Order, NpgsqlDbType.Uuid, stop);
                await copy.WriteAsync(domain.Key, NpgsqlDbType.Uuid, stop);
                await copy.WriteAsync(_chain, NpgsqlDbType.Text, stop);
                await copy.WriteAsync(domain.Leaf, NpgsqlDbType.Bytea, stop);
                await copy.WriteAsync("CN=Benchmarks", NpgsqlDbType.Text, stop);
                await copy.WriteAsync(domain.Serial, NpgsqlDbType.Text, stop);
                await copy.WriteAsync(domain.Fingerprint, NpgsqlDbType.Text, stop);
                await copy.WriteAsync(_now, NpgsqlDbType.TimestampTz, stop);
                await copy.WriteAsync(notAfter, NpgsqlDbType.TimestampTz, stop);
                await copy.WriteAsync(_now, NpgsqlDbType.TimestampTz, stop);
            },
            stop);

    private Task CopyChangesAsync(
        NpgsqlConnection connection, IEnumerable<BenchDomain> domains, CancellationToken stop) => CopyAsync(
            connection,
            "desired_changes (domain_id, fleet_id, hostname, bundle_id, order_sequence, changed_at)",
            domains,
            async (copy, domain) =>
            {
                await copy.WriteAsync(domain.Id, NpgsqlDbType.Uuid, stop);
                await copy.WriteAsync(fleet, NpgsqlDbType.Uuid, stop);
                await copy.WriteAsync(domain.Hostname, NpgsqlDbType.Text, stop);
                await copy.WriteAsync(domain.Bundle, NpgsqlDbType.Uuid, stop);
                await copy.WriteAsync(_sequence, NpgsqlDbType.Bigint, stop);
                await copy.WriteAsync(_now, NpgsqlDbType.TimestampTz, stop);
            },
            stop);

    private static async Task CopyAsync(
        NpgsqlConnection connection, string into, IEnumerable<BenchDomain> domains,
        Func<NpgsqlBinaryImporter, BenchDomain, Task> write, CancellationToken stop)
    {
        await using var copy = await connection.BeginBinaryImportAsync($"COPY {into} FROM STDIN BINARY", stop);
        foreach (var domain in domains)
        {
            await copy.StartRowAsync(stop);
            await write(copy, domain);
        }

        await copy.CompleteAsync(stop);
    }
}
