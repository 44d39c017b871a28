using ControlPlane;
using ControlPlane.Database;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddSingleton(ShiftedClock.FromEnvironment());
builder.AddDatabase();

var app = builder.Build();
await app.Services.GetRequiredService<Migrator>().MigrateAsync(app.Lifetime.ApplicationStopping);
await app.RunAsync();
return 0;
