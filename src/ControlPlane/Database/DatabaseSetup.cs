using ControlPlane.Audit;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.Database;

/// <summary>One pool for everything: EF Core and plain SQL share the data source.</summary>
internal static class DatabaseSetup
{
    public static void AddDatabase(this WebApplicationBuilder builder)
    {
        var settings = Settings(builder.Configuration);
        builder.Services.AddSingleton(_ => NpgsqlDataSource.Create(settings));
        builder.Services.AddDbContextFactory<ControlPlaneDb>((services, options) =>
            options.UseNpgsql(services.GetRequiredService<NpgsqlDataSource>()));
        if (builder.Configuration.GetConnectionString(OwnerConnection.Name) is { Length: > 0 } owner)
        {
            builder.Services.AddSingleton(new OwnerConnection(owner));
        }

        builder.Services.AddSingleton<Migrator>();
        // Whoever has the database has the trail: commands write to it too.
        builder.Services.AddSingleton<AuditTrail>();
    }

    /// <summary>How whoever keeps connections for others connects.</summary>
    /// <exception cref="InvalidOperationException">No database is configured.</exception>
    public static NpgsqlConnectionStringBuilder Settings(IConfiguration configuration)
    {
        var connection = configuration.GetConnectionString("ControlPlane")
            ?? throw new InvalidOperationException(
                "No database is configured. Set ConnectionStrings__ControlPlane, for example "
                + "'Host=127.0.0.1;Port=5432;Database=controlplane;Username=controlplane'.");

        // A command time-out of 30 s: our longest statement takes milliseconds, so that this only ends a dead
        // connection. Nothing is retried below us: a step's commit is repeated by the step, which knows what it means.
        // Nothing is prepared behind our backs, whatever the setting says: a statement that fails while it is being
        // prepared can leave the driver with another one's place, and then a caller gets another query's rows
        // (npgsql/npgsql#6391, open).
        var settings = new NpgsqlConnectionStringBuilder(connection)
        {
            CommandTimeout = 30,
            MaxAutoPrepare = 0,
        };
        if (!connection.Contains("Pool Size", StringComparison.OrdinalIgnoreCase))
        {
            settings.MaxPoolSize = 40;
        }

        return settings;
    }
}
