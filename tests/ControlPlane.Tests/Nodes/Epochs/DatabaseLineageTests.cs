using System.Diagnostics;
using ControlPlane.Nodes.Epochs;
using ControlPlane.Tests.Audit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ControlPlane.Tests.Nodes.Epochs;

/// <summary>A dump that was read into another cluster, and a recovery to a point in time, are seen at the
/// start.</summary>
public sealed class DatabaseLineageTests(PostgresDatabase database, RestrictedDatabase restricted)
    : IClassFixture<PostgresDatabase>, IClassFixture<RestrictedDatabase>
{
    [Fact]
    public async Task A_dump_read_into_another_cluster_raises_every_epoch_once_however_many_replicas_start()
    {
        Assert.SkipUnless(
            string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CONTROLPLANE_TEST_DATABASE")),
            "Another cluster is needed, and one was given.");
        var fleet = await new FleetRows(database).FleetAsync();
        await Lineage(database.DataSource).StartAsync(default);
        await Lineage(database.DataSource).StartAsync(default);
        Assert.Equal(1, await EpochAsync(database.DataSource, fleet.Id));

        await using var elsewhere = new PostgresFixture();
        var restored = await elsewhere.CreateDatabaseAsync();
        await CopyAsync(database.ConnectionString, restored);
        await using (var source = NpgsqlDataSource.Create(restored))
        {
            await Task.WhenAll(Lineage(source).StartAsync(default), Lineage(source).StartAsync(default));
            await Lineage(source).RunAsync(default);

            Assert.Equal(2, await EpochAsync(source, fleet.Id));
            Assert.Equal(["OtherCluster"], await TextsAsync(
                source, $"SELECT cause FROM epoch_bumps WHERE fleet_id = '{fleet.Id}'"));
            Assert.Single(await TextsAsync(
                source, $"SELECT message FROM events WHERE message LIKE '%{fleet.Name} begins epoch 2%'"));
        }
    }

    /// <summary>Under the running role: fails, too, when it may not do what a start after a restore does.</summary>
    [Fact]
    public async Task Another_timeline_of_the_same_cluster_raises_the_epoch_above_every_one_that_a_node_has_shown()
    {
        var rows = new FleetRows(restricted);
        var fleet = await rows.FleetAsync();
        await Lineage(restricted.DataSource).StartAsync(default);
        await using (var before = restricted.DataSource.CreateCommand(
            "UPDATE database_lineage SET timeline = timeline + 1"))
        {
            await before.ExecuteNonQueryAsync();
        }

        await Lineage(restricted.DataSource).StartAsync(default);

        Assert.Equal(2, await EpochAsync(restricted.DataSource, fleet.Id));
        var bump = await rows.ReadAsync(db => db.EpochBumps.SingleAsync(row => row.FleetId == fleet.Id));
        Assert.Equal(EpochCause.OtherTimeline, bump.Cause);
    }

    private static DatabaseLineage Lineage(NpgsqlDataSource source) => new(
        source, new RaiseEpoch(source, TimeProvider.System, NullLogger<RaiseEpoch>.Instance), TimeProvider.System);

    private static async Task<long> EpochAsync(NpgsqlDataSource source, Guid fleet)
    {
        await using var command = source.CreateCommand("SELECT epoch FROM fleets WHERE id = $1");
        command.Parameters.Add(new() { Value = fleet });
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private static async Task<List<string>> TextsAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync();
        var texts = new List<string>();
        while (await reader.ReadAsync())
        {
            texts.Add(reader.GetString(0));
        }

        return texts;
    }

    /// <summary>As an operator does it: one program's output is the other's input.</summary>
    private static async Task CopyAsync(string from, string to)
    {
        var (source, target) = (new NpgsqlConnectionStringBuilder(from), new NpgsqlConnectionStringBuilder(to));
        using var copy = Process.Start(new ProcessStartInfo("sh",
        [
            "-c",
            """pg_dump -h "$1" -U "$2" "$3" | psql -X -q -v ON_ERROR_STOP=1 -h "$4" -U "$2" "$5" >/dev/null""",
            "sh", source.Host!, source.Username!, source.Database!, target.Host!, target.Database!,
        ]))!;
        await copy.WaitForExitAsync();
        Assert.Equal(0, copy.ExitCode);
    }
}
