using ControlPlane;
using ControlPlane.Adoptions;
using ControlPlane.Audit;
using ControlPlane.Campaigns;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Drills;
using ControlPlane.Http;
using ControlPlane.Imports;
using ControlPlane.Jobs;
using ControlPlane.Metrics;
using ControlPlane.Nodes;
using ControlPlane.Receipts;
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
    builder.AddCampaigns();
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
    app.MapCampaigns();
    app.MapWebhooks();
    app.MapReceipts();
    app.MapVault();
    app.MapAudit();
    app.MapMetrics();
    app.MapConsole();

    await app.Services.GetRequiredService<Migrator>().MigrateAsync(app.Lifetime.ApplicationStopping);
    await app.RunAsync();
    return 0;
});
