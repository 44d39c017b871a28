using System.Net;
using ControlPlane.Contracts;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane.Nodes.Fleets;

/// <summary>A fleet to create.</summary>
/// <param name="Name">1 to 63 of a-z, 0-9 and hyphen, not in the form of an id. It is for ever.</param>
/// <param name="CnameTarget">The name that customers of this fleet point a CNAME at, in lower-case A-labels.</param>
/// <param name="Addresses">The fleet's public addresses, at most 16, for names at a zone's apex.</param>
/// <param name="Canaries">Nodes that see a change first, 0 to 100; 0, when left out, shows it to all at once.</param>
internal sealed record CreateFleetRequest(
    string? Name, string? CnameTarget = null, IReadOnlyList<string>? Addresses = null, int? Canaries = null);

/// <summary>POST /v1/fleets. A fleet has a way in of its own from the start: names of two fleets behind one target
/// would be looked for on nodes that do not serve them.</summary>
internal static class CreateFleet
{
    public const int MostCanaries = 100;
    private const int MostAddresses = 16;

    public static async Task<Results<Created<FleetView>, Problem>> HandleAsync(
        CreateFleetRequest body, [AsParameters] ReadFleets.Tools tools)
    {
        var (db, options) = (tools.Db, tools.Options.Value);
        var faults = Faults(body, options);
        if (faults.Count > 0)
        {
            return Problems.InvalidField.With(string.Join(' ', faults.Select(fault => fault.Detail))) with
            {
                Errors = faults,
            };
        }

        var now = tools.Time.NowStored();
        // Goes on when the caller hangs up: whoever repeats the call must find the first result.
        await using var transaction = await db.Database.BeginTransactionAsync(CancellationToken.None);
        // One at a time: that no two fleets share an address is more than an index can hold.
        await db.Database.ExecuteSqlAsync(
            $"SELECT pg_advisory_xact_lock(hashtextextended('fleets', 0))", CancellationToken.None);
        var present = await db.Fleets.AsNoTracking().ToListAsync(CancellationToken.None);
        if (present.SingleOrDefault(row => row.Name == body.Name) is { } same)
        {
            return NodeProblems.FleetExists.With() with { Existing = same.Id };
        }

        var fleet = new Fleet
        {
            Id = Guid.CreateVersion7(now),
            Name = body.Name!,
            CnameTarget = body.CnameTarget,
            Addresses = body.Addresses ?? [],
            Canaries = body.Canaries ?? 0,
            CreatedAt = now,
        };
        if (present.FirstOrDefault(row => Share(fleet, FleetWay.Of(row, options))) is { } other)
        {
            return NodeProblems.FleetWayTaken.With($"It leads to fleet {other.Name}.") with { Existing = other.Id };
        }

        db.Fleets.Add(fleet);
        await db.SaveChangesAsync(CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        return TypedResults.Created(
            $"/v1/fleets/{fleet.Id}", await ReadFleets.ViewAsync(tools, fleet.Id, CancellationToken.None));
    }

    private static bool Share(Fleet fleet, FleetWay other) =>
        (fleet.CnameTarget is { } target && target == other.CnameTarget)
        || fleet.Addresses.Any(address => other.Owns(IPAddress.Parse(address)));

    private static List<FieldProblem> Faults(CreateFleetRequest body, FleetOptions options)
    {
        List<FieldProblem> faults = [];
        Check(
            body.Name is not null && IdOrName.IsName(body.Name), "name",
            "must be 1 to 63 of a-z, 0-9 and hyphen, and not look like an id.");
        Check(
            body.CnameTarget is null || HostnameSyntax.IsValid(body.CnameTarget), "cnameTarget",
            "must be a host name in lower-case A-labels, such as eu.edge.example.com.");
        Check(
            body.CnameTarget is not null || body.Addresses is { Count: > 0 }, "cnameTarget",
            "or addresses must be given: names of this fleet must lead to it and to no other.");
        Check(
            body.CnameTarget is not null || !options.TenantTargets, "cnameTarget",
            "must be given, because each tenant has a target of its own below it (Fleet:TenantTargets).");
        Check(
            body.Addresses is null or { Count: <= MostAddresses }, "addresses",
            $"must be at most {MostAddresses}.");
        Check(
            body.Addresses?.All(address => IPAddress.TryParse(address, out _)) != false, "addresses",
            "must be IP addresses.");
        Check(
            body.Canaries is null or (>= 0 and <= MostCanaries), "canaries", $"must be 0 to {MostCanaries}.");
        return faults;

        void Check(bool holds, string field, string rule)
        {
            if (!holds)
            {
                faults.Add(new FieldProblem(field, Problems.InvalidField.Code, $"{field} {rule}"));
            }
        }
    }
}
