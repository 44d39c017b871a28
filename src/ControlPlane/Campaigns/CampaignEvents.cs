using ControlPlane.Database;
using Npgsql;

namespace ControlPlane.Campaigns;

/// <summary>What happened to a campaign: told in the transaction that makes it happen.</summary>
internal static class CampaignEvents
{
    /// <param name="connection">With the transaction open.</param>
    /// <param name="campaign">The campaign.</param>
    /// <param name="type">One of <see cref="Domains.EventTypes"/>.</param>
    /// <param name="message">A sentence for a person.</param>
    /// <param name="now">When.</param>
    /// <param name="ct">Ends the write.</param>
    public static async Task TellAsync(
        NpgsqlConnection connection, Guid campaign, string type, string message, DateTimeOffset now,
        CancellationToken ct)
    {
        await using var command = connection.Command(
            "INSERT INTO events (at, campaign_id, type, message) VALUES ($1, $2, $3, $4)", now, campaign, type,
            message);
        await command.ExecuteNonQueryAsync(ct);
    }
}
