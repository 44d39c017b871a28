using ControlPlane.Imports.Files;
using ControlPlane.Imports.Working;
using ControlPlane.Jobs;

namespace ControlPlane.Imports;

/// <summary>Files of names: taken in on every replica, worked on by those that run jobs.</summary>
internal static class ImportsSetup
{
    public static void AddImports(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<ImportFile>();
        services.AddSingleton<ImportBell>();
        services.AddSingleton<ImportTurn>();
        if ((builder.Configuration.GetSection("Jobs").Get<JobOptions>() ?? new JobOptions()).Enabled)
        {
            services.AddHostedService<ImportWork>();
        }
    }

    public static void MapImports(this WebApplication app)
    {
        var imports = app.MapGroup("/v1/imports").WithTags("Imports");
        MakeImport.Map(imports);
        ReadImports.Map(imports);
        CancelImport.Map(imports);
    }
}
