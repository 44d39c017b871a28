using ControlPlane.Campaigns;
using ControlPlane.Campaigns.Planning;
using ControlPlane.Campaigns.Working;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Domains;
using ControlPlane.Http;
using ControlPlane.Jobs;
using ControlPlane.Tests.Domains;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace ControlPlane.Tests.Campaigns;

/// <summary>The path's bench with a node, domains that are served, and campaigns over them.</summary>
internal sealed class CampaignBench : IAsyncDisposable
{
    private static readonly CallCosts Costs = new(
        "certcentral", new BudgetCost("certcentral", CallWindows.CertCentral, 3));

    private readonly PostgresDatabase _database;
    private readonly IOptions<CampaignOptions> _options;
    private readonly CampaignForecast _forecast;

    private CampaignBench(PathBench path, PostgresDatabase database, Guid node, int ordersPerTurn)
    {
        (Path, _database, Node) = (path, database, node);
        _options = Options.Create(new CampaignOptions { OrdersPerTurn = ordersPerTurn });
        _forecast = new CampaignForecast(Costs, _options);
        Moves = new CampaignMoves(_forecast);
    }

    public PathBench Path { get; }

    public Guid Node { get; }

    public CampaignMoves Moves { get; }

    public DateTimeOffset Now => Path.Clock.GetUtcNow();

    public static async Task<CampaignBench> StartAsync(PostgresDatabase database, int ordersPerTurn = 12)
    {
        var path = await PathBench.StartAsync(database);
        return new CampaignBench(path, database, (await path.NodeAsync("node")).Id, ordersPerTurn);
    }

    /// <summary>A domain that is served and proven.</summary>
    public async Task<Order> ServedAsync()
    {
        var order = await Path.OrderAsync(OrderState.Active);
        await Path.SqlAsync(
            $"UPDATE domains SET status = 'Active', active_bundle_id = {order.BundleId} WHERE id = {order.DomainId}");
        await Path.ReportAsync(Node, order, await Path.FingerprintAsync(order));
        return order;
    }

    public CampaignRequest Request(CampaignFilter? filter = null) =>
        new("The CA said so.", Now.AddHours(24), filter ?? new CampaignFilter(ExpiresAfter: Now.AddYears(-1)));

    public async Task<(Campaign? Campaign, Problem? Refusal)> TryPlanAsync(CampaignRequest body)
    {
        await using var db = _database.Open();
        await using var transaction = await db.Database.BeginTransactionAsync();
        var made = await new MakePlan(_forecast).RunAsync(db, body, Now, default);
        await transaction.CommitAsync();
        return made;
    }

    public async Task<Guid> PlanAsync(CampaignRequest? body = null) =>
        (await TryPlanAsync(body ?? Request())).Campaign!.Id;

    /// <summary>Planned and started.</summary>
    public async Task<Guid> RunningAsync(CampaignRequest? body = null)
    {
        var id = await PlanAsync(body);
        Assert.Null(await CommandAsync(Moves.StartAsync, id));
        return id;
    }

    /// <summary>A command as its route gives it.</summary>
    public async Task<Problem?> CommandAsync(
        Func<NpgsqlConnection, Guid, DateTimeOffset, CancellationToken, Task<Problem?>> move, Guid id)
    {
        await using var connection = await _database.DataSource.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var refusal = await move(connection, id, Now, default);
        await transaction.CommitAsync();
        return refusal;
    }

    /// <param name="wakes">Woken after each opening, in the place of the path's own.</param>
    public Task SweepAsync(IWakes? wakes = null) => new CampaignSweep(
        Path, _database.DataSource, Path.Authorities, _options, wakes ?? Path.Wakes, Path.Clock,
        NullLogger<CampaignSweep>.Instance)
        .RunAsync(default);

    public async Task<CampaignView> ViewAsync(Guid id)
    {
        await using var db = _database.Open();
        var row = await db.Campaigns.AsNoTracking().SingleAsync(one => one.Id == id);
        return await CampaignView.OfAsync(db, row, Now, default);
    }

    /// <summary>The most urgent first.</summary>
    public async Task<IReadOnlyList<CampaignDomain>> RowsAsync(Guid id)
    {
        await using var db = _database.Open();
        return await db.CampaignDomains.AsNoTracking().Where(row => row.CampaignId == id).OrderBy(row => row.Rank)
            .ToListAsync();
    }

    public async Task<IReadOnlyList<string>> EventsAsync(Guid id)
    {
        await using var db = _database.Open();
        return await db.Events.Where(told => told.CampaignId == id).OrderBy(told => told.Id)
            .Select(told => told.Type).ToListAsync();
    }

    /// <summary>The domain's orders, oldest first.</summary>
    public async Task<IReadOnlyList<Order>> OrdersAsync(Order of)
    {
        await using var db = _database.Open();
        return await db.Orders.AsNoTracking().Where(row => row.DomainId == of.DomainId).OrderBy(row => row.Sequence)
            .ToListAsync();
    }

    /// <summary>The successor under way is issued and proven everywhere, as <see cref="AwaitRollout"/> leaves
    /// it.</summary>
    public async Task ProveNewestAsync(Order of)
    {
        var newest = (await OrdersAsync(of))[^1];
        var issued = await Path.OrderAsync(OrderState.PendingDeployment, of: of.Domain);
        await Path.SqlAsync(
            $"""
             WITH bundle AS (UPDATE bundles SET order_id = {newest.Id} WHERE id = {issued.BundleId}),
             old AS (UPDATE orders SET state = 'Superseded', closed_at = now(), next_attempt_at = NULL
                     WHERE id IN ({of.Id}, {issued.Id})),
             domain AS (UPDATE domains SET active_bundle_id = {issued.BundleId} WHERE id = {of.DomainId})
             UPDATE orders SET state = 'Active', state_since = {Now}, next_attempt_at = NULL,
                 bundle_id = {issued.BundleId}, key_id = {issued.KeyId}, csr = {issued.Csr},
                 submitted_at = {Now}, ca_order_id = {issued.CaOrderId}
             WHERE id = {newest.Id}
             """);
    }

    public Task FailNewestAsync(Order of) => Path.SqlAsync(
        $"""
         UPDATE orders SET state = 'Failed', reason = {Reasons.CaRefused.Code}, closed_at = now(),
             next_attempt_at = NULL
         WHERE domain_id = {of.DomainId} AND state = 'PendingDns'
         """);

    public ValueTask DisposeAsync() => Path.DisposeAsync();
}
