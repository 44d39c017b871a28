using ControlPlane.Audit;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlPlane.Tests.Audit;

/// <summary>A trail with entries and batches in a database of its own, written and sealed under the program's
/// role.</summary>
internal sealed class TrailBench : IAsyncDisposable
{
    private TrailBench(TwoRoles roles)
    {
        Roles = roles;
        Trail = new AuditTrail(roles.Program, TimeProvider.System);
        Sealing = NewSealing();
    }

    public TwoRoles Roles { get; }

    public AuditTrail Trail { get; }

    public AuditSealing Sealing { get; }

    public static async Task<TrailBench> StartAsync(PostgresFixture server)
    {
        var roles = new TwoRoles(server);
        await roles.InitializeAsync();
        return new TrailBench(roles);
    }

    public AuditSealing NewSealing() =>
        new(Roles.Program, TimeProvider.System, NullLogger<AuditSealing>.Instance);

    public static AuditNote Note(int number) => new(
        AuditPhase.Done, AuditActor.System("tests"), "Test", $"/v1/things/{number}", "127.0.0.1", null, "done");

    /// <summary>Writes entries and seals them as one batch.</summary>
    public async Task<AuditBatch> BatchAsync(int entries)
    {
        for (var number = 0; number < entries; number++)
        {
            await Trail.WriteAsync(default, Note(number));
        }

        return (await Sealing.SealAsync(default))!;
    }

    /// <summary>Seals until a batch says that everything up to an id is settled. Other tests' transactions on the same
    /// server put it off while they last.</summary>
    public Task SettleAsync(long id) => Eventually.TrueAsync(
        async () => (await BatchAsync(1)).SettledId >= id, $"id {id} is settled");

    public Task<AuditFinding> VerifyAsync(AuditHead? expected = null) =>
        AuditVerification.VerifyAsync(new AuditDatabase(Roles.Program), expected, default);

    /// <summary>The trail was whole before; after this it is not, and the finding says where.</summary>
    public async Task<AuditFinding> VerifyTamperedAsync(string sql, AuditHead? expected = null)
    {
        Assert.Null((await VerifyAsync(expected)).Fault);
        Assert.NotEqual(0, await Roles.TamperAsync(sql));
        var found = await VerifyAsync(expected);
        Assert.NotNull(found.Fault);
        return found;
    }

    public ValueTask DisposeAsync() => Roles.DisposeAsync();
}
