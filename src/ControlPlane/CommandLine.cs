using System.CommandLine;
using ControlPlane.Audit;
using ControlPlane.Campaigns;
using ControlPlane.Database;
using ControlPlane.Drills;
using ControlPlane.Forecasts;
using ControlPlane.Http.Access;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane;

/// <summary><c>ControlPlane [serve] | migrate | keys … | vault … | audit … | campaign … | forecast</c>. Settings are
/// given as for any ASP.NET Core program: environment, appsettings, or <c>--Section:Key=value</c>.</summary>
internal static class CommandLine
{
    /// <summary>Told apart from 1, so that a broken audit trail is not taken for a database that is away.</summary>
    public const int CouldNotTry = 2;

    /// <summary>Runs the command in <paramref name="args"/>; without one, serves.</summary>
    /// <param name="args">The program's arguments.</param>
    /// <param name="serve">Serves until stopped.</param>
    /// <returns>The exit status: 0 when done, 1 when not, 2 when it could not be tried.</returns>
    public static async Task<int> RunAsync(string[] args, Func<string[], Task<int>> serve)
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
            serving, migrate, KeyCommands.Build(
                (change, action, ct) =>
                    WithServicesAsync(args, services => OnDatabaseAsync(services, change, action, ct))),
            VaultCommands.All(action => WithServicesAsync(args, action, builder => builder.AddVault())),
            AuditCommands.Make(action => WithServicesAsync(args, action)),
            CampaignCommands.Build((change, action, ct) => WithServicesAsync(
                args, services => OnDatabaseAsync(services, change, (db, _) => action(services, db), ct),
                builder => builder.AddCampaigns())),
            ForecastCommand.Make(action => WithServicesAsync(args, action)),
        };
        root.TreatUnmatchedTokensAsErrors = false;
        root.SetAction((_, _) => serve(args));
        var parsed = root.Parse(args);
        var serves = parsed.CommandResult.Command is { } called && (called == root || called == serving);
        if (parsed.Errors.Count == 0 && Mistyped(parsed.UnmatchedTokens, anyKey: serves) is { } word)
        {
            await Console.Error.WriteLineAsync(
                $"'{word}' is no command, no option and no setting (--Section:Key=value); --help lists them.");
            return 1;
        }

        return await parsed.InvokeAsync();
    }

    /// <summary>A word that would be ignored: a wrong option of <c>keys create</c> would make a key that never ends,
    /// and a wrong command would serve.</summary>
    /// <param name="unmatched">What the command line did not take, to be settings.</param>
    /// <param name="anyKey">True where keys without a section, such as <c>--urls</c>, are settings too.</param>
    private static string? Mistyped(IReadOnlyList<string> unmatched, bool anyKey)
    {
        for (var at = 0; at < unmatched.Count; at++)
        {
            var word = unmatched[at];
            var key = word.Split('=')[0];
            var option = word.StartsWith('-') || word.StartsWith('/');
            if ((!option && key == word) || !(anyKey || key.Contains(':')))
            {
                return word;
            }

            // Its value is the next word.
            at += key == word ? 1 : 0;
        }

        return null;
    }

    private static async Task<int> OnDatabaseAsync(
        IServiceProvider services, KeyCommands.Change? change, Func<ControlPlaneDb, TimeProvider, Task<int>> action,
        CancellationToken ct)
    {
        await services.GetRequiredService<Migrator>().MigrateAsync(ct);
        await using var db = await services.GetRequiredService<IDbContextFactory<ControlPlaneDb>>()
            .CreateDbContextAsync(ct);
        var time = services.GetRequiredService<TimeProvider>();
        return change is not { } audited
            ? await action(db, time)
            : await services.GetRequiredService<AuditTrail>().CommandAsync(
                audited.Operation, audited.Target, () => action(db, time));
    }

    /// <summary>Just the database, and what <paramref name="add"/> adds: a command must work while the API is down.
    /// Logs go to standard error, because the answer is on standard output.</summary>
    private static async Task<int> WithServicesAsync(
        string[] args, Func<IServiceProvider, Task<int>> action, Action<WebApplicationBuilder>? add = null)
    {
        // Settings lie beside the program, wherever a person calls it from.
        var builder = WebApplication.CreateBuilder(
            new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.ClearProviders().AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Services.AddSingleton(ShiftedClock.FromEnvironment());
        try
        {
            builder.AddDatabase();
            add?.Invoke(builder);
            await using var app = builder.Build();
            return await action(app.Services);
        }
        catch (Exception fault) when (fault is InvalidOperationException or NpgsqlException or VaultException)
        {
            await Console.Error.WriteLineAsync(
                fault.InnerException is NpgsqlException inner ? $"{fault.Message} {inner.Message}" : fault.Message);
            return fault is VaultException ? 1 : CouldNotTry;
        }
    }
}
