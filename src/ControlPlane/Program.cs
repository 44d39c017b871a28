using ControlPlane;
using ControlPlane.CertificateAuthorities;
using ControlPlane.Database;
using ControlPlane.Domains;
using ControlPlane.Jobs;
using ControlPlane.TokenStore;
using ControlPlane.Vault;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddSingleton(ShiftedClock.FromEnvironment());
builder.AddDatabase();
builder.AddVault();
builder.AddTokenStore();
builder.AddCertificateAuthorities();
builder.AddDomains();
builder.AddJobs();

var app = builder.Build();
await app.Services.GetRequiredService<Migrator>().MigrateAsync(app.Lifetime.ApplicationStopping);
await app.RunAsync();
return 0;
