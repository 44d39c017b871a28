using ControlPlane.Contracts;
using ControlPlane.Domains;
using ControlPlane.Domains.Bundles;
using ControlPlane.Nodes.Digests;
using ControlPlane.Nodes.Publishing;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Tests.Nodes.Publishing;

/// <summary>A domain's lowest TLS goes to the nodes as a bundle does: at a new revision, and never lost.</summary>
public sealed class TlsMinimumTests(PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    private readonly FleetRows _rows = new(database);
    private readonly DesiredStateReader _reader = new(database.DataSource, TimeProvider.System);

    [Fact]
    public async Task Another_lowest_TLS_is_a_new_revision_of_the_same_bundle_and_a_repeat_is_none()
    {
        var (fleet, domain) = await ServedAsync();
        var first = await ReadAsync(fleet);
        Assert.Null(Assert.Single(first.Upserts).TlsMinimum);

        await ChangeAsync(domain.Domain, TlsVersions.Tls13);
        var second = await ReadAsync(fleet, first.Cursor);
        await ChangeAsync(domain.Domain, TlsVersions.Tls13);
        var third = await ReadAsync(fleet, second.Cursor);
        await ChangeAsync(domain.Domain, TlsVersions.Default);
        var fourth = await ReadAsync(fleet, third.Cursor);

        var strict = Assert.Single(second.Upserts);
        Assert.Equal((TlsVersions.Tls13, domain.Bundle.Id), (strict.TlsMinimum, strict.Bundle));
        Assert.True(strict.Revision > first.Revision);
        Assert.Empty(third.Upserts);
        Assert.Null(Assert.Single(fourth.Upserts).TlsMinimum);
    }

    [Fact]
    public async Task It_joins_a_bundle_that_waits_and_waits_itself_for_the_first_one()
    {
        var fleet = await _rows.FleetAsync();
        var (waiting, none) = (await _rows.DomainAsync(fleet.Id), await _rows.DomainAsync(fleet.Id));
        await _rows.ChangeAsync(waiting);

        await SetAsync(waiting.Domain, TlsVersions.Tls13);
        await SetAsync(none.Domain, TlsVersions.Tls13);

        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        var page = await ReadAsync(fleet.Id);
        Assert.Equal((waiting.Id, "1.3"), page.Upserts.Select(row => (row.Domain, row.TlsMinimum)).Single());
        Assert.False(await _rows.ReadAsync(db => db.DesiredChanges.AnyAsync(row => row.DomainId == none.Id)));
    }

    /// <summary>The publisher has taken the change and not committed: what comes then must not fall between.</summary>
    [Fact]
    public async Task A_change_while_the_bundle_is_being_published_is_published_after_it()
    {
        var fleet = await _rows.FleetAsync();
        var domain = await _rows.DomainAsync(fleet.Id);
        await _rows.ChangeAsync(domain);
        await using var connection = await database.DataSource.OpenConnectionAsync();
        await using var publishing = await connection.BeginTransactionAsync();
        Assert.NotNull(await PublishBatch.TakeAsync(
            connection, fleet.Id, TimeProvider.System.GetUtcNow(), default));

        var change = SetAsync(domain.Domain, TlsVersions.Tls13);
        await Eventually.TrueAsync(() => _rows.ReadAsync(db => db.Database.SqlQuery<bool>(
            $"""SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted) AS "Value" """).SingleAsync()));
        await publishing.CommitAsync();
        await change;

        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        Assert.Equal("1.3", Assert.Single((await ReadAsync(fleet.Id)).Upserts).TlsMinimum);
    }

    /// <summary>An agent that did not know of it recorded the revision and left it out: nothing but the digest tells.
    /// </summary>
    [Fact]
    public async Task A_record_without_it_differs_from_what_the_fleet_wants()
    {
        var (fleet, domain) = await ServedAsync();
        await ChangeAsync(domain.Domain, TlsVersions.Tls13);
        var wanted = Assert.Single((await ReadAsync(fleet)).Upserts);
        var digest = await new FleetDigests(database.DataSource).ReadAsync(
            fleet, wanted.Revision, new FleetPosition(1, wanted.Revision), default);
        var (complete, without) = (new StateDigest(), new StateDigest());
        complete.Toggle(wanted.Domain, wanted.Revision, wanted.Fingerprint, wanted.TlsMinimum);
        without.Toggle(wanted.Domain, wanted.Revision, wanted.Fingerprint);

        Assert.Empty(digest.Buckets.Differing(complete.ToBytes()));
        var differing = digest.Buckets.Differing(without.ToBytes());
        Assert.Equal([StateDigest.BucketOf(wanted.Domain)], differing);
        var answer = await new DifferingRows(database.DataSource).ReadAsync(fleet, differing, default);
        Assert.Equal(wanted, Assert.Single(answer.Domains));
    }

    private async Task<(Guid Fleet, SeededDomain Domain)> ServedAsync()
    {
        var fleet = await _rows.FleetAsync();
        var domain = await _rows.DomainAsync(fleet.Id);
        await _rows.ChangeAsync(domain);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
        return (fleet.Id, domain);
    }

    private async Task ChangeAsync(Domain domain, string version)
    {
        await SetAsync(domain, version);
        await PublishBatch.RunAsync(database.DataSource, TimeProvider.System, default);
    }

    private async Task SetAsync(Domain domain, string version)
    {
        await using var db = database.Open();
        await using var transaction = await db.Database.BeginTransactionAsync();
        var row = await db.Domains.SingleAsync(known => known.Id == domain.Id);
        row.TlsMinimum = version;
        await db.SaveChangesAsync();
        await DesiredChanges.RenewAsync(db, row, TimeProvider.System.GetUtcNow(), default);
        await transaction.CommitAsync();
    }

    private async Task<DesiredStatePage> ReadAsync(Guid fleet, string? cursor = null)
    {
        var position = default(DesiredStateCursor);
        Assert.True(cursor is null || DesiredStateCursor.TryParse(cursor, out position));
        return (await _reader.ReadAsync(fleet, cursor is null ? null : position, null, default))!;
    }
}
