using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace ControlPlane.Database;

/// <summary>
/// Applies the numbered SQL files that travel inside the program, each in a transaction of its own, under an advisory
/// lock, so that replicas that start together take turns. A file that was applied and changed since is refused. The
/// tables belong to the role of <paramref name="owner"/>, and the role the program runs as is given what it needs;
/// without an owner, the program's own role makes and owns everything.
/// </summary>
internal sealed partial class Migrator(
    NpgsqlDataSource database, TimeProvider time, ILogger<Migrator> log, OwnerConnection? owner = null)
{
    /// <summary>"CtlP" in ASCII: any number will do, if it is always the same.</summary>
    private const long AdvisoryLock = 0x43746C50;

    /// <exception cref="InvalidOperationException">An applied migration differs from the file of the same number, the
    /// database is newer than this program, or there is something to apply and the role may not.</exception>
    public async Task MigrateAsync(CancellationToken ct)
    {
        if (owner is not null)
        {
            await using var owned = owner.Open();
            await using var connection = await owned.OpenConnectionAsync(ct);
            await UnderLockAsync(connection, ct);
            return;
        }

        await using var own = await database.OpenConnectionAsync(ct);
        if (await IsCompleteAsync(own, ct))
        {
            return;
        }

        try
        {
            await UnderLockAsync(own, ct);
        }
        catch (PostgresException refused) when (refused.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new InvalidOperationException(
                "The database lacks migrations of this program, and the role of ConnectionStrings__ControlPlane may "
                + "not apply them. Run 'ControlPlane migrate' with ConnectionStrings__Migrations set to the owner's "
                + "connection.", refused);
        }
    }

    /// <summary>Nothing is to be applied. Asked without a lock and without a right to create anything, because a
    /// program whose role owns nothing starts here.</summary>
    private static async Task<bool> IsCompleteAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("SELECT to_regclass('schema_migrations') IS NOT NULL", connection);
        if (!(bool)(await command.ExecuteScalarAsync(ct))!)
        {
            return false;
        }

        var applied = await AppliedAsync(connection, ct);
        var known = Files().ToDictionary(file => file.Number, file => file.Sha256);
        return applied.Count == known.Count
            && applied.All(row => known.TryGetValue(row.Key, out var sha256) && sha256 == row.Value);
    }

    private async Task UnderLockAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await ExecuteAsync(connection, $"SELECT pg_advisory_lock({AdvisoryLock})", ct);
        try
        {
            await ExecuteAsync(
                connection,
                """
                CREATE TABLE IF NOT EXISTS schema_migrations (
                    number int PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL)
                """,
                ct);
            var applied = await AppliedAsync(connection, ct);
            var known = Files().ToList();
            if (applied.Keys.Except(known.Select(file => file.Number)).Any())
            {
                throw new InvalidOperationException(
                    "The database has migrations this program does not know: start a newer ControlPlane.");
            }

            foreach (var file in known)
            {
                await ApplyAsync(connection, file, applied.GetValueOrDefault(file.Number), ct);
            }

            if (owner is not null)
            {
                await RunningRole.GrantAsync(connection, database, ct);
            }
        }
        finally
        {
            await ExecuteAsync(connection, $"SELECT pg_advisory_unlock({AdvisoryLock})", CancellationToken.None);
        }
    }

    private async Task ApplyAsync(
        NpgsqlConnection connection, MigrationFile file, string? appliedHash, CancellationToken ct)
    {
        if (appliedHash is not null)
        {
            if (appliedHash != file.Sha256)
            {
                throw new InvalidOperationException(
                    $"Migration {file.Name} was applied in another form. Restore the file and write a new one "
                    + "instead.");
            }

            return;
        }

        await using var transaction = await connection.BeginTransactionAsync(ct);
        await ExecuteAsync(connection, file.Sql, ct);
        await using var record = new NpgsqlCommand("INSERT INTO schema_migrations VALUES ($1, $2, $3, $4)", connection)
        {
            Parameters =
            {
                new() { Value = file.Number },
                new() { Value = file.Name },
                new() { Value = file.Sha256 },
                new() { Value = time.GetUtcNow().ToUniversalTime() },
            },
        };
        await record.ExecuteNonQueryAsync(ct);
        await transaction.CommitAsync(ct);
        LogApplied(file.Name);
    }

    private static async Task<Dictionary<int, string>> AppliedAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("SELECT number, sha256 FROM schema_migrations", connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var applied = new Dictionary<int, string>();
        while (await reader.ReadAsync(ct))
        {
            applied.Add(reader.GetInt32(0), reader.GetString(1));
        }

        return applied;
    }

    private static IEnumerable<MigrationFile> Files()
    {
        var assembly = Assembly.GetExecutingAssembly();
        foreach (var resource in assembly.GetManifestResourceNames().Order(StringComparer.Ordinal))
        {
            if (!resource.StartsWith("migrations/", StringComparison.Ordinal))
            {
                continue;
            }

            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!, Encoding.UTF8);
            var sql = reader.ReadToEnd();
            var name = resource["migrations/".Length..];
            yield return new MigrationFile(
                int.Parse(name.AsSpan(0, 3)),
                name,
                sql,
                Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sql))));
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(ct);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Applied migration {Name}")]
    private partial void LogApplied(string name);

    private sealed record MigrationFile(int Number, string Name, string Sql, string Sha256);
}
