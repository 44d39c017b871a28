using ControlPlane.Database;
using ControlPlane.Http;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Fleets;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace ControlPlane.SupportConsole.Reading;

/// <summary>A fleet as the console shows it.</summary>
/// <param name="View">As the API shows it.</param>
/// <param name="Nodes">Those that are not retired, by name.</param>
/// <param name="FirstEnd">When the first certificate ends that its nodes serve and that is still valid: for so long
/// they go on without this program. Null when they serve none.</param>
/// <param name="Held">Withdrawals that wait for an admin.</param>
internal sealed record FleetFacts(
    FleetView View, IReadOnlyList<NodeFacts> Nodes, DateTimeOffset? FirstEnd, long Held)
{
    public long Lost => Nodes.Count(node => node.Standing == NodeStanding.Lost);

    public int Serving => Nodes.Count(node => node.Standing == NodeStanding.Serving);

    /// <summary>Worth a look by a person.</summary>
    public bool NeedsALook => Lost > 0 || Held > 0 || Serving == 0 || Nodes.Any(node => node.Alarms.Count > 0)
        || View.Rollout.State != RolloutState.Running;
}

/// <summary>A node as the console shows it.</summary>
internal sealed record NodeFacts
{
    public required Guid Fleet { get; init; }

    public required string Name { get; init; }

    public required NodeStanding Standing { get; init; }

    /// <summary>Revisions that it has still to take up.</summary>
    public required long Behind { get; init; }

    /// <summary>When the first of them was published; null when it is behind in nothing.</summary>
    public required DateTimeOffset? BehindSince { get; init; }

    /// <summary>Domains that it serves.</summary>
    public required long Serves { get; init; }

    /// <summary>Domains that it refused.</summary>
    public required long Refuses { get; init; }

    /// <summary>Names it serves that are not wanted.</summary>
    public required int Strays { get; init; }

    public required string? HAProxyVersion { get; init; }

    public required DateTimeOffset? HAProxyStartedAt { get; init; }

    public required string AgentVersion { get; init; }

    public required DateTimeOffset LastSeenAt { get; init; }

    public required bool IsBanned { get; init; }

    /// <summary>What its agent is alarmed about; drift is among it.</summary>
    public required IReadOnlyList<NodeAlarm> Alarms { get; init; }
}

/// <summary>What an agent is alarmed about.</summary>
internal sealed record NodeAlarm(string Code, string Detail);

/// <summary>Reads fleets with their nodes.</summary>
internal static class ReadFleetFacts
{
    private const string Sql =
        """
        SELECT node.fleet_id, node.name, node.standing, greatest(fleet.revision - node.revision, 0),
               (SELECT state.published_at FROM desired_state state
                WHERE state.fleet_id = node.fleet_id AND state.revision > node.revision
                ORDER BY state.revision LIMIT 1),
               node.id,
               (SELECT count(*) FROM node_observations
                WHERE node_id = node.id AND state <> 'Serving' AND state = 'Refused'),
               node.strays, node.haproxy_version, node.haproxy_started_at, node.agent_version, node.last_seen_at,
               node.banned_at IS NOT NULL,
               ARRAY(SELECT code FROM node_alarms WHERE node_id = node.id ORDER BY code),
               ARRAY(SELECT detail FROM node_alarms WHERE node_id = node.id ORDER BY code)
        FROM nodes node JOIN fleets fleet ON fleet.id = node.fleet_id
        WHERE node.standing <> 'Retired' ORDER BY node.name, node.id
        """;

    private const string HeldOnes =
        """
        SELECT fleet_id, count(*) FROM desired_changes WHERE held_at IS NOT NULL AND approval IS NULL GROUP BY fleet_id
        """;

    /// <summary>Every fleet, by name; at most as many as a page of the API holds.</summary>
    public static async Task<IReadOnlyList<FleetFacts>> AllAsync(
        ReadFleets.Tools tools, FleetCounts counts, CancellationToken ct)
    {
        var listed = await ReadFleets.ListAsync(tools, ct, limit: Page<FleetView>.MaxLimit);
        var fleets = ((Ok<Page<FleetView>>)listed.Result).Value!.Items;
        var counted = await counts.ReadAsync(ct);
        await using var connection = await tools.Database.OpenConnectionAsync(ct);
        var nodes = (await NodesAsync(connection, counted, ct)).ToLookup(node => node.Fleet);
        var held = await HeldAsync(connection, ct);
        return
        [
            .. fleets.OrderBy(fleet => fleet.Name, StringComparer.Ordinal).Select(fleet => new FleetFacts(
                fleet, [.. nodes[fleet.Id]],
                counted.FirstEnds.TryGetValue(fleet.Id, out var end) ? end : null,
                held.GetValueOrDefault(fleet.Id))),
        ];
    }

    private static async Task<List<NodeFacts>> NodesAsync(
        NpgsqlConnection connection, Counted counted, CancellationToken ct)
    {
        await using var command = connection.Command(Sql);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var nodes = new List<NodeFacts>();
        while (await reader.ReadAsync(ct))
        {
            nodes.Add(new NodeFacts
            {
                Fleet = reader.GetGuid(0),
                Name = reader.GetString(1),
                Standing = Enum.Parse<NodeStanding>(reader.GetString(2)),
                Behind = reader.GetInt64(3),
                BehindSince = Time(4),
                Serves = counted.Serves.GetValueOrDefault(reader.GetGuid(5)),
                Refuses = reader.GetInt64(6),
                Strays = reader.GetInt32(7),
                HAProxyVersion = Text(8),
                HAProxyStartedAt = Time(9),
                AgentVersion = reader.GetString(10),
                LastSeenAt = reader.GetFieldValue<DateTimeOffset>(11),
                IsBanned = reader.GetBoolean(12),
                Alarms =
                [
                    .. reader.GetFieldValue<string[]>(13).Zip(
                        reader.GetFieldValue<string[]>(14), (code, detail) => new NodeAlarm(code, detail)),
                ],
            });
        }

        return nodes;

        DateTimeOffset? Time(int column) =>
            reader.IsDBNull(column) ? null : reader.GetFieldValue<DateTimeOffset>(column);

        string? Text(int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
    }

    private static async Task<Dictionary<Guid, long>> HeldAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = connection.Command(HeldOnes);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var held = new Dictionary<Guid, long>();
        while (await reader.ReadAsync(ct))
        {
            held.Add(reader.GetGuid(0), reader.GetInt64(1));
        }

        return held;
    }
}
