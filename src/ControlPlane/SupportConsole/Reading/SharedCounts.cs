using ControlPlane.Http;
using Npgsql;

namespace ControlPlane.SupportConsole.Reading;

/// <summary>The counts of the overview.</summary>
/// <param name="ByStatus">Stored statuses, by fleet.</param>
/// <param name="ByReason">What domains wait for, or failed with.</param>
/// <param name="Unserved">Active domains that a serving node does not serve, in fleets without a lost node.</param>
internal sealed record DomainSums(
    IReadOnlyList<StatusCount> ByStatus, IReadOnlyList<ReasonCount> ByReason, long Unserved);

/// <summary>Counts domains once for all who look at the overview, which asks again every five seconds.</summary>
internal sealed class SharedCounts(NpgsqlDataSource database, TimeProvider time)
{
    private readonly SharedLook<DomainSums> _look = new(TimeSpan.FromSeconds(4), time);

    /// <param name="ct">Ends the caller's wait, not the count.</param>
    public Task<DomainSums> ReadAsync(CancellationToken ct) => _look.ReadAsync(
        async () => new DomainSums(
            await DomainCounts.ByStatusAsync(database, CancellationToken.None),
            await DomainCounts.ByReasonAsync(database, CancellationToken.None),
            await DomainCounts.UnservedAsync(database, CancellationToken.None)),
        ct);
}
