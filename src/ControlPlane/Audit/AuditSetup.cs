using ControlPlane.Audit.Requests;

namespace ControlPlane.Audit;

/// <summary>The trail and what feeds it. Sealing is scheduled with the other sweeps.</summary>
internal static class AuditSetup
{
    public static void AddAudit(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<RefusalCount>();
        builder.Services.AddHostedService(services => services.GetRequiredService<RefusalCount>());
        builder.Services.AddSingleton<AuditGauges>();
        builder.Services.AddHostedService<AppendOnlyCheck>();
    }
}
