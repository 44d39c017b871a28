using ControlPlane.Contracts;
using ControlPlane.Nodes.Fleets;
using ControlPlane.Nodes.Publishing;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Tests.Nodes.Publishing;

/// <summary>A revision is a promise: who has read up to it has missed nothing.</summary>
public sealed class PublishBatchTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    private readonly FleetRows _rows = new(database);
    private readonly DesiredStateReader _reader = new(database.DataSource, TimeProvider.System);

    [Fact]
    public async Task A_change_that_commits_after_a_batch_is_in_the_next_one()
    {
        var fleet = await _rows.FleetAsync();
        var (late, early) = (await _rows.DomainAsync(fleet.Id), await _rows.DomainAsync(fleet.Id));
        await using var open = database.Open();
        await using var transaction = await open.Database.BeginTransactionAsync();
        await FleetRows.ChangeAsync(open, late, 1, late.Bundle.Id);
        await _rows.ChangeAsync(early);

        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        var first = await _reader.ReadAsync(fleet.Id, null, null, default);
        Assert.Equal([early.Id], first!.Upserts.Select(row => row.Domain));

        await transaction.CommitAsync();
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        var second = await ReadOnAsync(fleet.Id, first.Cursor);
        Assert.Equal([late.Id], second.Upserts.Select(row => row.Domain));
        Assert.True(second.Revision > first.Revision);
    }

    [Fact]
    public async Task A_waiting_change_that_is_being_replaced_is_passed_over_and_not_lost()
    {
        var fleet = await _rows.FleetAsync();
        var (stuck, other) = (await _rows.DomainAsync(fleet.Id), await _rows.DomainAsync(fleet.Id));
        await _rows.ChangeAsync(stuck, 1);
        await _rows.ChangeAsync(other);
        await using var open = database.Open();
        await using var transaction = await open.Database.BeginTransactionAsync();
        await FleetRows.ChangeAsync(open, stuck, 2, null);

        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        var first = await _reader.ReadAsync(fleet.Id, null, null, default);
        Assert.Equal([other.Id], first!.Upserts.Select(row => row.Domain));

        await transaction.CommitAsync();
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        var second = await ReadOnAsync(fleet.Id, first.Cursor);
        Assert.Equal([stuck.Id], second.Tombstones.Select(row => row.Domain));
    }

    [Fact]
    public async Task A_second_publisher_gets_its_revision_after_the_first_has_committed()
    {
        var fleet = await _rows.FleetAsync();
        var (one, two) = (await _rows.DomainAsync(fleet.Id), await _rows.DomainAsync(fleet.Id));
        await using var firstConnection = await database.DataSource.OpenConnectionAsync();
        await using var secondConnection = await database.DataSource.OpenConnectionAsync();
        await using var firstTransaction = await firstConnection.BeginTransactionAsync();
        await using var secondTransaction = await secondConnection.BeginTransactionAsync();

        await _rows.ChangeAsync(one);
        var first = await PublishBatch.TakeAsync(firstConnection, fleet.Id, TimeProvider.System.GetUtcNow(), default);
        await _rows.ChangeAsync(two);
        var second = PublishBatch.TakeAsync(secondConnection, fleet.Id, TimeProvider.System.GetUtcNow(), default);
        await Eventually.TrueAsync(() => IsBlockedAsync(secondConnection.ProcessID));
        Assert.Empty((await _reader.ReadAsync(fleet.Id, null, null, default))!.Upserts);

        await firstTransaction.CommitAsync();
        Assert.Equal(first!.Revision + 1, (await second)!.Revision);
        var between = await _reader.ReadAsync(fleet.Id, null, null, default);
        Assert.Equal([one.Id], between!.Upserts.Select(row => row.Domain));

        await secondTransaction.CommitAsync();
        var after = await ReadOnAsync(fleet.Id, between.Cursor);
        Assert.Equal([two.Id], after.Upserts.Select(row => row.Domain));
    }

    /// <summary>Whichever of the two comes first: a replica that was cut off holds its fleet's row for hours.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task A_fleet_whose_row_is_held_holds_up_no_other(int held)
    {
        Guid[] fleets = [(await _rows.FleetAsync()).Id, (await _rows.FleetAsync()).Id];
        foreach (var fleet in fleets)
        {
            await _rows.ChangeAsync(await _rows.DomainAsync(fleet));
        }

        await using var connection = await database.DataSource.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await PublishBatch.TurnAsync(connection, fleets[held], default);

        var published = await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);

        Assert.Contains(published, batch => batch.Fleet == fleets[1 - held]);
        Assert.DoesNotContain(published, batch => batch.Fleet == fleets[held]);
        await transaction.CommitAsync();
        Assert.Contains(
            await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default),
            batch => batch.Fleet == fleets[held]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_holds_a_fleets_row_and_is_cut_off_loses_it(bool publishes)
    {
        var fleet = await _rows.FleetAsync();
        await using var connection = await database.DataSource.OpenConnectionAsync();
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            await (publishes
                ? PublishBatch.TurnAsync(connection, fleet.Id, default)
                : FleetRollout.LockAsync(connection, fleet.Id, default));
            Assert.Equal("30s", await LimitAsync());
            await transaction.CommitAsync();
        }

        Assert.Equal("0", await LimitAsync());

        async Task<string?> LimitAsync()
        {
            await using var show = new NpgsqlCommand("SHOW idle_in_transaction_session_timeout", connection);
            return await show.ExecuteScalarAsync() as string;
        }
    }

    [Theory]
    [InlineData(2, false, 1, false, "first")]   // the later order came first
    [InlineData(2, false, 1, true, "first")]    // an old order's withdrawal does not take the newer bundle away
    [InlineData(1, false, 2, false, "second")]
    [InlineData(1, false, 1, true, "none")]     // a withdrawal of the same order wins
    [InlineData(1, true, 1, false, "none")]     // also when the bundle comes after it
    [InlineData(1, true, 2, false, "second")]   // registered again
    public async Task The_later_order_wins(
        long firstOrder, bool firstWithdraws, long secondOrder, bool secondWithdraws, string left)
    {
        var fleet = await _rows.FleetAsync();
        var domain = await _rows.DomainAsync(fleet.Id);
        var renewed = await _rows.RenewedAsync(domain);
        await _rows.ChangeAsync(domain, firstOrder, firstWithdraws);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        await using var db = database.Open();
        await FleetRows.ChangeAsync(db, domain, secondOrder, secondWithdraws ? null : renewed.Id);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);

        var row = await _rows.ReadAsync(rows => rows.DesiredState.SingleAsync(row => row.DomainId == domain.Id));
        Assert.Equal(
            left switch { "first" => domain.Bundle.Id, "second" => renewed.Id, _ => (Guid?)null }, row.BundleId);
        Assert.False(await _rows.ReadAsync(rows => rows.DesiredChanges.AnyAsync(change => change.FleetId == fleet.Id)));
    }

    [Fact]
    public async Task Pages_follow_each_other_also_inside_one_revision()
    {
        var fleet = await _rows.FleetAsync();
        var template = await _rows.DomainAsync(fleet.Id);
        await _rows.ManyAsync(template.Id, 1203);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        var pages = new List<DesiredStatePage> { (await _reader.ReadAsync(fleet.Id, null, null, default))! };
        while (pages[^1].More)
        {
            pages.Add(await ReadOnAsync(fleet.Id, pages[^1].Cursor));
        }

        Assert.Equal([500, 500, 203], pages.Select(page => page.Upserts.Count));
        Assert.Equal(1203, pages.SelectMany(page => page.Upserts).DistinctBy(row => row.Domain).Count());
        Assert.Single(pages.Select(page => page.Revision).Distinct());
    }

    private async Task<DesiredStatePage> ReadOnAsync(Guid fleet, string cursor)
    {
        Assert.True(DesiredStateCursor.TryParse(cursor, out var position));
        return (await _reader.ReadAsync(fleet, position, null, default))!;
    }

    private async Task<bool> IsBlockedAsync(int pid)
    {
        await using var command = database.DataSource.CreateCommand("SELECT cardinality(pg_blocking_pids($1)) > 0");
        command.Parameters.Add(new NpgsqlParameter { Value = pid });
        return await command.ExecuteScalarAsync() is true;
    }
}
