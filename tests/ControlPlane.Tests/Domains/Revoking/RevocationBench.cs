using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Domains.Revoking;
using ControlPlane.Tests.Nodes.Banning;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.Domains.Revoking;

/// <summary>The rekey's bench, with what a request for a revocation writes and the sweep that works it off.</summary>
internal sealed class RevocationBench(RekeyBench rekey, PostgresDatabase database) : IAsyncDisposable
{
    public RekeyBench Rekey => rekey;

    public PathBench Path => rekey.Path;

    public static async Task<RevocationBench> StartAsync(PostgresDatabase database) =>
        new(await RekeyBench.StartAsync(database), database);

    /// <summary>What POST …/revoke leaves.</summary>
    public async Task RequestAsync(Order order, RevocationReason reason, bool atOnce)
    {
        await using var db = database.Open();
        var row = new CertificateRevocation
        {
            BundleId = order.BundleId!.Value,
            DomainId = order.DomainId,
            Reason = reason,
            AtOnce = atOnce,
            State = RevocationState.WaitingForReplacement,
            RequestedAt = Path.Clock.GetUtcNow(),
        };
        if (atOnce)
        {
            row.Send(Path.Clock.GetUtcNow());
        }

        db.Add(row);
        await db.SaveChangesAsync();
    }

    public Task SweepAsync() => new RevocationSweep(
        Path, database.DataSource, Path.Authorities, Path.Wakes, Path.Clock, NullLogger<RevocationSweep>.Instance)
        .RunAsync(default);

    public async Task<CertificateRevocation> RowAsync(Order order)
    {
        await using var db = database.Open();
        return await db.Revocations.AsNoTracking().SingleAsync(row => row.BundleId == order.BundleId);
    }

    /// <summary>Goes to when the CA is asked next, and looks.</summary>
    public async Task AskAgainAsync(Order order)
    {
        var wait = (await RowAsync(order)).NextAttemptAt!.Value - Path.Clock.GetUtcNow();
        Path.Clock.Advance(wait > TimeSpan.Zero ? wait : TimeSpan.Zero);
        await SweepAsync();
    }

    /// <summary>Walks the newest order of a domain to where every serving node has proven it.</summary>
    public async Task<Order> ReplaceAsync(Order old)
    {
        var renewed = await rekey.WalkToRolloutAsync((await rekey.OrdersAsync(old))[^1]);
        foreach (var node in new[] { rekey.Stolen, rekey.Mate })
        {
            await Path.ReportAsync(node, renewed, await Path.FingerprintAsync(renewed));
        }

        return await Path.TurnUntilMovedAsync(renewed);
    }

    public int Asked(string call) => Path.Ca.Asked.Count(asked => asked == call);

    public async Task<IReadOnlyList<string>> ToldAsync(Order order) =>
        [.. (await Path.EventsAsync(order))
            .Where(type => type.StartsWith("certificate.rev", StringComparison.Ordinal))];

    public ValueTask DisposeAsync() => rekey.DisposeAsync();
}
