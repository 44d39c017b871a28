using ControlPlane.Adoptions;
using ControlPlane.Audit;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Domains.Leaving;
using ControlPlane.Domains.Sweeps;
using ControlPlane.Domains.Visits;
using ControlPlane.Http.Idempotency;
using ControlPlane.Imports.Working;
using ControlPlane.Nodes;
using ControlPlane.Nodes.Banning;
using ControlPlane.Nodes.Epochs;
using ControlPlane.Nodes.Observing;
using ControlPlane.Nodes.Publishing;
using ControlPlane.TokenStore;
using ControlPlane.Vault;
using ControlPlane.Vault.Rewrapping;
using ControlPlane.Webhooks.Sending;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Npgsql;
using Quartz;

namespace ControlPlane.Jobs;

/// <summary>The stages, the sweeps, and the engine that fires them. The only folder that knows which engine that
/// is.</summary>
internal static class JobsSetup
{
    public static void AddJobs(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<JobOptions>().BindConfiguration("Jobs");
        builder.Services.AddSingleton<Wakes>();
        builder.Services.AddSingleton<IWakes>(services => services.GetRequiredService<Wakes>());
        builder.Services.AddHostedService(services => services.GetRequiredService<Wakes>());

        var options = builder.Configuration.GetSection("Jobs").Get<JobOptions>() ?? new JobOptions();
        if (!options.Enabled)
        {
            return;
        }

        builder.Services.AddSingleton<OrderRunner>();
        foreach (var (state, step) in IssuancePath.Steps)
        {
            builder.Services.AddSingleton(step);
            builder.Services.AddSingleton<IHostedService>(services => new Stage(
                state,
                services.GetRequiredService<Wakes>().SignalOf(state),
                services.GetRequiredService<IDbContextFactory<ControlPlaneDb>>(),
                services.GetRequiredService<OrderRunner>(),
                services.GetRequiredService<TimeProvider>(),
                services.GetRequiredService<IOptions<JobOptions>>(),
                services.GetRequiredService<ILogger<Stage>>()));
        }

        AddEngine(builder, options);
    }

    private static void AddEngine(WebApplicationBuilder builder, JobOptions options)
    {
        builder.Services.AddQuartz(engine =>
        {
            engine.UsePersistentStore(store =>
            {
                store.UsePostgres(
                    NpgsqlFactory.Instance, DatabaseSetup.Settings(builder.Configuration).ConnectionString);
                store.UseClustering();
            });
            engine.UseDefaultThreadPool(4);
            Schedule<TickJob>(engine, "tick", options.Tick);
            Sweep<StatusPoll>(engine, options.StatusPoll);
            Sweep<SurplusOrderSweep>(engine, TimeSpan.FromSeconds(30));
            Sweep<NodeLiveness>(engine, TimeSpan.FromSeconds(10));
            Sweep<CompleteNodes>(engine, TimeSpan.FromMinutes(1));
            Sweep<RekeySweep>(engine, TimeSpan.FromSeconds(5));
            Sweep<SupersededKeySweep>(engine, TimeSpan.FromSeconds(15));
            Sweep<DatabaseLineage>(engine, TimeSpan.FromMinutes(1));
            Sweep<CustodySweep>(engine, TimeSpan.FromMinutes(1));
            Sweep<LostOrderSweep>(engine, TimeSpan.FromSeconds(30));
            Sweep<AdoptedOrderSweep>(engine, TimeSpan.FromSeconds(10));
            Sweep<TokenSweep>(engine, TimeSpan.FromMinutes(1));
            Sweep<VaultCollection>(engine, TimeSpan.FromMinutes(5));
            Sweep<RewrapSweep>(engine, TimeSpan.FromSeconds(10));
            Sweep<TombstoneSweep>(engine, TimeSpan.FromMinutes(15));
            Sweep<LeaveWatch>(engine, TimeSpan.FromSeconds(30));
            Sweep<VisitSweep>(engine, TimeSpan.FromHours(1));
            Sweep<IdempotencySweep>(engine, TimeSpan.FromMinutes(15));
            Sweep<AuditSealing>(engine, TimeSpan.FromSeconds(10));
            Sweep<DeliverySweep>(engine, TimeSpan.FromMinutes(15));
            Sweep<ImportSweep>(engine, TimeSpan.FromHours(1));
        });
        foreach (var sweep in Sweeps)
        {
            builder.Services.TryAddSingleton(sweep);
        }

        builder.Services.AddQuartzHostedService(hosted => hosted.WaitForJobsToComplete = true);
    }

    private static readonly Type[] Sweeps =
    [
        typeof(StatusPoll), typeof(SurplusOrderSweep), typeof(NodeLiveness), typeof(TokenSweep),
        typeof(VaultCollection), typeof(RewrapSweep), typeof(DatabaseLineage), typeof(CustodySweep),
        typeof(LostOrderSweep), typeof(TombstoneSweep), typeof(VisitSweep), typeof(LeaveWatch),
        typeof(IdempotencySweep), typeof(RekeySweep), typeof(SupersededKeySweep), typeof(AuditSealing),
        typeof(DeliverySweep), typeof(ImportSweep), typeof(AdoptedOrderSweep), typeof(CompleteNodes),
    ];

    private static void Sweep<T>(IQuartzBuilder engine, TimeSpan every)
        where T : class, ISweep =>
        Schedule<SweepJob<T>>(engine, typeof(T).Name, every);

    private static void Schedule<T>(IQuartzBuilder engine, string name, TimeSpan every)
        where T : class, IJob =>
        engine.ScheduleJob<T>(
            trigger => trigger.WithIdentity(name).StartNow().WithSimpleSchedule(schedule => schedule
                .WithInterval(every).RepeatForever()),
            job => job.WithIdentity(name));
}
