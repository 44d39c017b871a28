using System.Collections.Concurrent;
using System.Globalization;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Nodes.Access;
using ControlPlane.Nodes.Publishing;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Nodes.Fleets;

/// <summary>
/// How far a node may read. Canaries read all there is while the rollout runs; the others what is released. A node that
/// joins, or that lists everything anew, reads all there is: a list with holes would leave names unserved, and one node
/// more or less does not make a fleet. After an epoch is raised a whole fleet lists anew, and what a pause or a halt
/// held at that moment reaches it: such a node may have lost its own record as well, nothing new is collected for a
/// week then (<see cref="Epochs.CollectionPause"/>), and an agent that refuses a bundle keeps the last good one. Read
/// once for all polls that wait for the same change, because a thousand of them are woken together.
/// </summary>
internal sealed class RolloutGates(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>As long as a canary that was lost, or a notification that did not arrive, may go unnoticed.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(2);

    private const string Sql =
        """
        SELECT fleet.released_revision, fleet.canaries > 0 OR fleet.rollout <> 'Running',
               ARRAY(SELECT id FROM nodes WHERE fleet_id = fleet.id AND standing = 'Joining')
               || CASE WHEN fleet.rollout IN ('Running', 'CanarySilent') THEN ARRAY(
                   SELECT id FROM nodes WHERE fleet_id = fleet.id AND standing = 'Serving'
                   ORDER BY id LIMIT fleet.canaries) END
        FROM fleets fleet WHERE fleet.id = $1
        """;

    private readonly ConcurrentDictionary<Guid, Entry> _latest = new();

    /// <summary>The highest revision a node may be shown; null for all there is.</summary>
    /// <param name="change">What the poll waits for, taken before: a release since has completed it.</param>
    /// <param name="node">Who asks.</param>
    /// <param name="since">Where it is; null for the full list.</param>
    /// <param name="ct">Ends the wait.</param>
    public async ValueTask<long?> UpToAsync(
        object change, NodeIdentity node, DesiredStateCursor? since, CancellationToken ct)
    {
        if (since is null or { ListedAt: > 0 })
        {
            return null;
        }

        var now = time.GetTimestamp();
        if (!_latest.TryGetValue(node.Fleet, out var entry) || !ReferenceEquals(entry.Change, change)
            || entry.Gate.IsFaulted || time.GetElapsedTime(entry.Began, now) >= Lifetime)
        {
            entry = new Entry(change, now, ReadAsync(node.Fleet));
            _latest[node.Fleet] = entry;
        }

        return (await entry.Gate.WaitAsync(ct)).UpTo(node.Id);
    }

    /// <summary>True while something up to <paramref name="revision"/> is not released to the node.</summary>
    public async Task<bool> IsClosedAsync(NodeIdentity node, long revision, CancellationToken ct) =>
        (await ReadAsync(node.Fleet).WaitAsync(ct)).UpTo(node.Id) < revision;

    /// <summary>Why a domain's newest change goes no further; null when nothing holds it.</summary>
    public static async Task<string?> WhyHeldAsync(ControlPlaneDb db, Domain domain, CancellationToken ct)
    {
        var fleet = await db.Fleets.AsNoTracking().SingleAsync(row => row.Id == domain.FleetId, ct);
        if (fleet.Rollout == RolloutState.Running
            || !await db.DesiredState.AnyAsync(
                row => row.FleetId == fleet.Id && row.DomainId == domain.Id && row.Revision > fleet.ReleasedRevision,
                ct))
        {
            return null;
        }

        var since = fleet.RolloutSince?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm'Z'", CultureInfo.InvariantCulture);
        return $"Fleet {fleet.Name}, since {since}: {fleet.RolloutReason}";
    }

    private async Task<Gate> ReadAsync(Guid fleet)
    {
        await using var command = database.CreateCommand(Sql);
        command.Parameters.Add(new() { Value = fleet });
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        await reader.ReadAsync(CancellationToken.None);
        return new Gate(
            reader.GetBoolean(1) ? reader.GetInt64(0) : null, reader.GetFieldValue<Guid[]>(2).ToHashSet());
    }

    /// <param name="Released">Null when nothing is held from anybody.</param>
    /// <param name="Free">Nodes that read all there is.</param>
    private sealed record Gate(long? Released, IReadOnlySet<Guid> Free)
    {
        public long? UpTo(Guid node) => Free.Contains(node) ? null : Released;
    }

    private sealed record Entry(object Change, long Began, Task<Gate> Gate);
}
