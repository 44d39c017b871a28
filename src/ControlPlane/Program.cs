using ControlPlane;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Http;
using ControlPlane.Metrics;

return await CommandLine.RunAsync(args, async arguments =>
{
    var builder = WebApplication.CreateBuilder(arguments);
    builder.Services.AddSingleton(ShiftedClock.FromEnvironment());
    builder.AddDatabase();
    builder.AddHttp();
    builder.AddDomainRoutes();
    builder.AddMetrics();

    var app = builder.Build();
    app.UseHttp();
    app.MapHttp();
    app.MapDomains();
    app.MapMetrics();

    await app.Services.GetRequiredService<Migrator>().MigrateAsync(app.Lifetime.ApplicationStopping);
    await app.RunAsync();
    return 0;
});
