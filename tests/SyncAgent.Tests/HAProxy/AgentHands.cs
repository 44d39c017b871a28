using ControlPlane.Drills;
using Microsoft.Extensions.Logging.Abstractions;
using SyncAgent.HAProxy;

namespace SyncAgent.Tests.HAProxy;

/// <summary>The agent's own reader and writer, for the HAProxy of a test.</summary>
internal sealed class AgentHands(RealHaproxy proxy, int? bufferSize = null)
{
    private readonly HaproxyOptions _options = proxy.Options with
    {
        BufferSize = bufferSize ?? proxy.Options.BufferSize,
    };

    public HaproxyMemory Memory => new(_options, TimeProvider.System);

    public HaproxyWriter Writer =>
        field ??= new(_options, Memory, Failpoint.None, TimeProvider.System, NullLogger<HaproxyWriter>.Instance);

    /// <summary>Looks what is there, then injects.</summary>
    public async Task<WriteOutcome> Inject(CertificatePath path, PemPayload payload)
    {
        var seen = await Memory.ReadAll(path.Directory, CancellationToken.None);
        return await Writer.Inject(
            path,
            payload,
            isNew: !seen.Certificates.ContainsKey(path.Value),
            isListed: seen.Listed.Contains(path.Value),
            seen.Process,
            CancellationToken.None);
    }

    public async Task<WriteOutcome> Remove(CertificatePath path) =>
        await Writer.Remove(path, await Memory.ReadProcess(CancellationToken.None), CancellationToken.None);
}
