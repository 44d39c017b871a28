using System.Diagnostics.Metrics;
using ControlPlane.Database;
using ControlPlane.Vault;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace ControlPlane.CertificateAuthorities.Acme;

/// <summary>Puts ACME CAs behind <see cref="ICertificateAuthority"/>, each under its own name.</summary>
internal static class AcmeSetup
{
    /// <summary>Reads every section below <see cref="AcmeOptions.Section"/>.</summary>
    /// <exception cref="InvalidOperationException">The settings can not be used; the message lists every
    /// fault.</exception>
    public static IReadOnlyList<AcmeOptions> Read(IConfiguration configuration)
    {
        AcmeOptions[] all =
            [.. configuration.GetSection(AcmeOptions.Section).GetChildren().Select(Read)];
        string[] faults = [.. all.SelectMany(options => options.Faults())];
        return faults.Length == 0 ? all : throw new InvalidOperationException(string.Join(" ", faults));
    }

    public static void AddAcme(this IServiceCollection services, AcmeOptions options)
    {
        services.AddKeyedSingleton(options.Name, (provider, _) => new AcmeWire(
            new AcmeHttp(
                options, Budgets(provider, options), provider.GetRequiredService<IMeterFactory>(),
                provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<AcmeHttp>>()),
            options, provider.GetRequiredService<TimeProvider>()));
        services.AddKeyedSingleton(options.Name, (provider, name) => new AcmeAccounts(
            provider.GetRequiredKeyedService<AcmeWire>(name), options,
            provider.GetRequiredService<IDbContextFactory<ControlPlaneDb>>(),
            provider.GetRequiredService<IVault>(), provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<AcmeAccounts>>()));
        services.AddKeyedSingleton<ICertificateAuthority>(options.Name, (provider, name) => new AcmeAuthority(
            new AcmeClient(
                provider.GetRequiredKeyedService<AcmeWire>(name), provider.GetRequiredKeyedService<AcmeAccounts>(name),
                options, provider.GetRequiredService<TimeProvider>()),
            options, provider.GetRequiredService<TimeProvider>()));
    }

    private static AcmeBudgets Budgets(IServiceProvider provider, AcmeOptions options)
    {
        var (database, time) =
            (provider.GetRequiredService<NpgsqlDataSource>(), provider.GetRequiredService<TimeProvider>());
        return new AcmeBudgets(
            new CallBudget(database, time, $"acme/{options.Name}/calls", options.Calls),
            new CallBudget(database, time, $"acme/{options.Name}/orders", options.Orders));
    }

    private static AcmeOptions Read(IConfigurationSection section)
    {
        var defaults = new AcmeOptions();
        var options = section.Get<AcmeOptions>() ?? defaults;
        // The binder adds to a default list; one that was configured must replace it.
        return options with
        {
            Name = section.Key,
            RetryWaits = section.GetSection(nameof(options.RetryWaits)).Get<TimeSpan[]>() ?? defaults.RetryWaits,
            ValidatorAgents = section.GetSection(nameof(options.ValidatorAgents)).Get<string[]>()
                ?? defaults.ValidatorAgents,
        };
    }
}
