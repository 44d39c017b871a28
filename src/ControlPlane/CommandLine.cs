using System.CommandLine;
using ControlPlane.Audit;
using ControlPlane.Database;
using ControlPlane.Drills;
using ControlPlane.Http.Access;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;

namespace ControlPlane;

/// <summary><c>ControlPlane [serve] | migrate | keys create | vault create-key | audit verify</c>. Settings are given
/// as for any ASP.NET Core program: environment, appsettings, or <c>--Section:Key=value</c>.</summary>
internal static class CommandLine
{
    /// <summary>Runs the command in <paramref name="args"/>; without one, serves.</summary>
    /// <param name="args">The program's arguments.</param>
    /// <param name="serve">Serves until stopped.</param>
    /// <returns>The exit status: 0 when done, 1 when not.</returns>
    public static Task<int> RunAsync(string[] args, Func<string[], Task<int>> serve)
    {
        var migrate = new Command("migrate", "Apply the migrations this program brings, and end.")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        migrate.SetAction((_, ct) => WithServicesAsync(args, async services =>
        {
            await services.GetRequiredService<Migrator>().MigrateAsync(ct);
            return 0;
        }));

        var serving =
            new Command("serve", "Serve the API and run the jobs (default).") { TreatUnmatchedTokensAsErrors = false };
        serving.SetAction((_, _) => serve(args));

        var root = new RootCommand("Registers customers' names and serves them over HTTPS.")
        {
            serving, migrate, new Command("keys", "API keys.") { CreateKey(args) },
            new Command("vault", "The vault's key-encryption key.") { CreateVaultKey() },
            AuditCommands.Make(action => WithServicesAsync(args, action)),
        };
        root.TreatUnmatchedTokensAsErrors = false;
        root.SetAction((_, _) => serve(args));
        return root.Parse(args).InvokeAsync();
    }

    private static Command CreateKey(string[] args)
    {
        var role = new Option<string>("--role") { Required = true, Description = "portal, support or admin." };
        role.AcceptOnlyFromAmong("portal", "support", "admin");
        var name =
            new Option<string>("--name") { Required = true, Description = "For people: who or what holds the key." };
        var tenant =
            new Option<string?>("--tenant") { Description = "The portal's tenant; made if it does not exist." };
        var create = new Command("create", "Make a key and print it. It is not kept and cannot be shown again.")
        {
            role, name, tenant,
        };
        create.TreatUnmatchedTokensAsErrors = false;
        create.SetAction((parsed, ct) => WithServicesAsync(args, async services =>
        {
            var kind = Enum.Parse<ApiRole>(parsed.GetValue(role)!, ignoreCase: true);
            var forTenant = parsed.GetValue(tenant);
            if (kind == ApiRole.Portal != forTenant is not null)
            {
                await Console.Error.WriteLineAsync(
                    "A portal's key needs --tenant; support and admin keys must not have one.");
                return 1;
            }

            if (forTenant is not null && !new CreateTenant.Rules().Validate(new CreateTenant(forTenant)).IsValid)
            {
                await Console.Error.WriteLineAsync("--tenant must be 1 to 63 of a-z, 0-9 and hyphen.");
                return 1;
            }

            await services.GetRequiredService<Migrator>().MigrateAsync(ct);
            await using var db = await services.GetRequiredService<IDbContextFactory<ControlPlaneDb>>()
                .CreateDbContextAsync(ct);
            var now = services.GetRequiredService<TimeProvider>().GetUtcNow().ToUniversalTime();
            Guid? tenantId = forTenant is null ? null : await TenantAsync(db, forTenant, now, ct);
            return await services.GetRequiredService<AuditTrail>().CommandAsync(
                "keys create", $"{parsed.GetValue(role)} {forTenant} {parsed.GetValue(name)}", async () =>
                {
                    var (_, secret) = await Keys.AddAsync(db, kind, tenantId, parsed.GetValue(name)!, now);
                    Console.WriteLine(secret.Reveal());
                    return 0;
                });
        }));
        return create;
    }

    private static Command CreateVaultKey()
    {
        var path = new Option<string>("--out") { Required = true, Description = "Where to write it; must not exist." };
        var create = new Command(
            "create-key", "Make a key-encryption key file (mode 0600). Keep a copy apart from backups.") { path };
        create.SetAction(async (parsed, _) =>
        {
            try
            {
                LocalKeyFile.Create(parsed.GetValue(path)!);
                return 0;
            }
            catch (Exception fault) when (fault is VaultException or IOException or UnauthorizedAccessException)
            {
                await Console.Error.WriteLineAsync(fault.Message);
                return 1;
            }
        });
        return create;
    }

    private static async Task<Guid> TenantAsync(
        ControlPlaneDb db, string name, DateTimeOffset now, CancellationToken ct)
    {
        await db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO tenants (id, name, created_at) VALUES ({Guid.CreateVersion7(now)}, {name}, {now})
             ON CONFLICT DO NOTHING
             """,
            ct);
        return await db.Tenants.Where(row => row.Name == name).Select(row => row.Id).SingleAsync(ct);
    }

    /// <summary>Just the database: a command must work while the API is down. Logs go to standard error, because the
    /// answer is on standard output.</summary>
    private static async Task<int> WithServicesAsync(string[] args, Func<IServiceProvider, Task<int>> action)
    {
        var builder = WebApplication.CreateBuilder(args);
        builder.Logging.ClearProviders().AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Services.AddSingleton(ShiftedClock.FromEnvironment());
        builder.AddDatabase();
        await using var app = builder.Build();
        return await action(app.Services);
    }
}
