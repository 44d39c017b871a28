using ControlPlane.Database;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace ControlPlane.Tests.Database;

/// <summary>What a failed statement leaves behind on its connection, which others use next.</summary>
public sealed class SoundConnectionTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    /// <summary>Fails with statements that the driver prepares by itself, also when an operator asks for it: then the
    /// second statement hears what was meant for another (npgsql/npgsql#6391).</summary>
    [Fact]
    public async Task A_statement_that_failed_and_was_rolled_back_gives_nobody_another_ones_rows()
    {
        var settings = DatabaseSetup.Settings(new ConfigurationBuilder().AddInMemoryCollection(
            new Dictionary<string, string?>
            {
                ["ConnectionStrings:ControlPlane"] =
                    database.ConnectionString + ";Max Auto Prepare=10;Auto Prepare Min Usages=1",
            }).Build());
        settings.MaxPoolSize = 1;
        await using var source = NpgsqlDataSource.Create(settings);
        await using (var made = source.CreateCommand("CREATE TABLE short (id bigserial, word varchar(5))"))
        {
            await made.ExecuteNonQueryAsync();
        }

        await using (var connection = await source.OpenConnectionAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            var refused = await Assert.ThrowsAsync<PostgresException>(() => InsertAsync(connection, "too long"));
            Assert.Equal("22001", refused.SqlState);
            await transaction.RollbackAsync();
        }

        await using (var connection = await source.OpenConnectionAsync())
        {
            Assert.IsType<long>(await InsertAsync(connection, "short"));
        }
    }

    private static async Task<object?> InsertAsync(NpgsqlConnection connection, string word)
    {
        await using var command = new NpgsqlCommand("INSERT INTO short (word) VALUES ($1) RETURNING id", connection)
        {
            Parameters = { new() { Value = word } },
        };
        return await command.ExecuteScalarAsync();
    }
}
