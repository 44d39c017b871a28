using ControlPlane;
using ControlPlane.Adoptions;
using ControlPlane.Audit;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Drills;
using ControlPlane.Forecasts;
using ControlPlane.Http;
using ControlPlane.Imports;
using ControlPlane.Jobs;
using ControlPlane.Metrics;
using ControlPlane.Nodes;
using ControlPlane.SupportConsole;
using ControlPlane.TokenStore;
using ControlPlane.Vault;
using ControlPlane.Webhooks;

return await CommandLine.RunAsync(args, async arguments =>
{
    var builder = WebApplication.CreateBuilder(arguments);
    builder.Services.AddSingleton(ShiftedClock.FromEnvironment());
    builder.AddDatabase();
    builder.AddVault();
    builder.AddTokenStore();
    builder.AddCertificateAuthorities();
    builder.AddDomains();
    builder.AddImports();
    builder.AddNodes();
    builder.AddAdoptions();
    builder.AddWebhooks();
    builder.AddJobs();
    builder.AddAudit();
    builder.AddHttp();
    builder.AddConsole();
    builder.AddMetrics();

    var app = builder.Build();
    app.UseHttp();
    app.MapHttp();
    app.MapDomains();
    app.MapImports();
    app.MapNodes();
    app.MapAdoptions();
    app.MapWebhooks();
    app.MapVault();
    app.MapAudit();
    app.MapForecasts();
    app.MapMetrics();
    app.MapConsole();

    await app.Services.GetRequiredService<Migrator>().MigrateAsync(app.Lifetime.ApplicationStopping);
    await app.RunAsync();
    return 0;
});
