using Benchmarks.Bed;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Domains.Preflight;
using ControlPlane.Domains.Visits;
using ControlPlane.Http;
using ControlPlane.Tests.Http;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Tests.SupportConsole;

/// <summary>A control plane with something of everything on it, strangers' markup included.</summary>
internal static class ConsoleScene
{
    /// <summary>What a stranger writes who hopes that somebody's page takes it for markup. It would leave a mark on the
    /// window.</summary>
    public const string Markup =
        "<img src=x onerror=\"window.taken=1\"></time></script><script>window.taken=1</script>'\"&";

    /// <summary>Fills the database and returns a domain that waits for its customer.</summary>
    public static async Task<Guid> MakeAsync(ApiFixture api, string hostname)
    {
        await using (var database = NpgsqlDataSource.Create(api.ConnectionString))
        {
            await new ConsoleRows(database).FillAsync(400, CancellationToken.None);
        }

        await using var db = api.Open();
        var id = await api.RegisterAsync(hostname);
        var order = await db.Orders.SingleAsync(row => row.DomainId == id);
        var now = api.Clock.NowStored();
        order.WaitFor(
            Reasons.DnsElsewhere, $"{hostname} leads to 203.0.113.80, which is not ours; its TXT says {Markup}",
            now.AddMinutes(-7));
        order.NextAttemptAt = now.AddMinutes(3);
        order.Findings =
        [
            Finding.Of(
                PreflightReasons.CaaForbids, $"The CAA record of {hostname} allows letsencrypt.org alone.",
                FixStep.ToRemove(new DnsRecordView("CAA", hostname, "0 issue \"letsencrypt.org\"", null)),
                FixStep.ToCreate(new DnsRecordView("CAA", hostname, "0 issue \"digicert.com\"", null))),
            Finding.Warning(PreflightReasons.CaaNarrowed, Markup),
        ];
        var node = await db.Nodes.OrderBy(row => row.Id).Select(row => row.Id).FirstAsync();
        foreach (var (source, agent) in new[]
        {
            ("192.0.2.10", "DigiCert DCV Bot/1.1"), ("198.51.100.4", "DigiCert DCV Bot/1.1"), ("203.0.113.9", Markup),
        })
        {
            db.Add(new TokenVisitRow
            {
                OrderId = order.Id,
                NodeId = node,
                At = now.AddMinutes(-2),
                Source = source,
                UserAgent = agent,
                Status = 200,
                Bytes = 32,
            });
        }

        foreach (var (minutes, type, message) in new[]
        {
            (-9, EventTypes.OrderWaiting, "The name does not resolve yet."),
            (-7, EventTypes.OrderWaiting, "The name resolves, but not to us."),
            (-1, EventTypes.OrderWaiting, $"The CA says: {Markup}"),
        })
        {
            db.Add(new DomainEvent
            {
                At = now.AddMinutes(minutes),
                DomainId = id,
                OrderId = order.Id,
                Type = type,
                Message = message,
                Data = new(hostname, DomainStatus.Pending, Reasons.DnsElsewhere.Code, WaitingOn.Customer),
            });
        }

        await db.SaveChangesAsync();
        await db.Database.ExecuteSqlAsync($"UPDATE domains SET created_at = {now.AddMinutes(-10)} WHERE id = {id}");
        return id;
    }
}
