using ControlPlane.Audit;
using ControlPlane.Audit.Requests;
using ControlPlane.Database;
using Npgsql;
using NpgsqlTypes;

namespace ControlPlane.SupportConsole.Pages;

/// <summary>A stretch of the trail, the last first.</summary>
internal sealed record AuditPageModel(
    IReadOnlyList<AuditEntry> Entries, long? Before, string? Actor, string? Operation, string? Target);

/// <summary>GET /console/audit: who did what. For admins, as the trail is, and itself in the trail.</summary>
internal static class AuditRoute
{
    private const int PageSize = 100;

    public static void Map(RouteGroupBuilder pages) =>
        pages.MapGet("audit", HandleAsync).Audited().WithName("ConsoleAudit");

    private static async Task<IResult> HandleAsync(
        NpgsqlDataSource database, CancellationToken ct, string? actor = null, string? operation = null,
        string? target = null, long before = long.MaxValue)
    {
        actor = DomainQuery.Given(actor);
        operation = DomainQuery.Given(operation);
        target = DomainQuery.Given(target);
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var command = connection.Command(
            $"""
            {AuditRows.Entries} WHERE e.id < $1
                AND ($2 IS NULL OR e.actor = $2 OR e.actor_id::text = $2) AND ($3 IS NULL OR e.operation = $3)
                AND ($4 IS NULL OR starts_with(e.target, $4))
            ORDER BY e.id DESC LIMIT $5
            """,
            before, Text(actor), Text(operation), Text(target), PageSize + 1);
        var entries = await AuditRows.ReadEntriesAsync(command, ct);
        var shown = entries.Take(PageSize).ToList();
        return new HtmlPage<AuditPage>("Audit", new AuditPageModel(
            shown, entries.Count > PageSize ? shown[^1].Id : null, actor, operation, target));
    }

    private static NpgsqlParameter Text(string? value) =>
        new() { NpgsqlDbType = NpgsqlDbType.Text, Value = (object?)value ?? DBNull.Value };
}
