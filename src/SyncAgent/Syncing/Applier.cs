using System.Security.Cryptography;
using ControlPlane.Contracts;
using ControlPlane.Drills;
using SyncAgent.HAProxy;
using SyncAgent.Local;
using SyncAgent.Observing;
using SyncAgent.Verification;

namespace SyncAgent.Syncing;

/// <summary>What became of one action.</summary>
/// <param name="Error">A refusal to report; null when it went well or is to be tried again silently.</param>
/// <param name="ShouldLookAgain">HAProxy was replaced or unreachable: nothing was learned about the bundle.</param>
internal sealed record Applied(NodeError? Error, bool ShouldLookAgain = false)
{
    public static Applied Well { get; } = new((NodeError?)null);

    public static Applied Refused(string code, string detail) => new(new NodeError(code, detail));
}

/// <summary>
/// Acts on one name: stage, inject, rename, verify; or take out. Disk and handshakes of different names overlap; only
/// the injection itself is one at a time.
/// </summary>
internal sealed partial class Applier(
    BundleFiles files,
    HaproxyMemory memory,
    HaproxyWriter writer,
    ListenerHandshake listener,
    NodeView view,
    Failpoint failpoint,
    AgentMeter meter)
{
    /// <summary>A bundle from the API: on disk under its final name only after HAProxy accepted it.</summary>
    public async Task<Applied> Deploy(ServedName name, PemPayload payload, CancellationToken cancel)
    {
        if (view.FileOf(name.Value) is { IsDamaged: false } now && IsOlder(payload, now))
        {
            return Applied.Refused(
                NodeErrorCodes.Rollback, "The bundle was issued before the one that is served, and ends before it.");
        }

        if (view.FileOf(name.Value) is { CoversOthers: true } && NamesGoingDark(name, payload) is { Length: > 0 } lost)
        {
            return Applied.Refused(
                NodeErrorCodes.ForeignFile,
                $"{name.FileName} is from before this agent and serves {lost}, too, which would go dark. Register "
                + "these names: once they are proven, it is replaced. Or rename it so that it sorts last, to "
                + $"zz-{name.FileName}, and reload HAProxy.");
        }

        try
        {
            await files.Stage(name, payload, cancel);
            failpoint.Pass(AgentPoints.Staged, name.Value);
            var injected = await Inject(name, payload, cancel);
            if (injected.Error is not null || injected.ShouldLookAgain)
            {
                files.DropStage(name);
                return injected;
            }

            view.SetFile(name.Value, await files.Promote(name, payload));
            failpoint.Pass(AgentPoints.Renamed, name.Value);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            TryDropStage(name);
            return Applied.Refused(NodeErrorCodes.DiskFailed, $"The bundle could not be written: {failure.Message}");
        }

        return await Verify(name, payload.Fingerprint, cancel);
    }

    /// <summary>What is on disk becomes what is in memory.</summary>
    public async Task<Applied> LoadFromDisk(ServedName name, CancellationToken cancel)
    {
        try
        {
            using var payload = files.Read(name);
            var injected = await Inject(name, payload, cancel);
            return injected.Error is not null || injected.ShouldLookAgain
                ? injected
                : await Verify(name, payload.Fingerprint, cancel);
        }
        catch (Exception failure) when (failure is IOException or CryptographicException)
        {
            view.SetFile(name.Value, File.Exists(files.Directory.For(name).Value) ? files.Look(name) : null);
            return new Applied(null, ShouldLookAgain: true);
        }
    }

    public async Task<Applied> Verify(ServedName name, string expected, CancellationToken cancel)
    {
        if (view.Process is not { } process)
        {
            return new Applied(null, ShouldLookAgain: true);
        }

        var seen = await listener.Visit(name.Value, cancel);
        if (seen.Fault is null && seen.Fingerprint == expected)
        {
            if (await VerifyLowestTls(name, process, cancel) is { Error: not null } refused)
            {
                return refused;
            }

            view.SetProven(process, name.Value, expected);
            failpoint.Pass(AgentPoints.Verified, name.Value);
            return Applied.Well;
        }

        view.SetProven(process, name.Value, null);
        return Applied.Refused(
            NodeErrorCodes.HandshakeMismatch,
            seen.Fault ?? $"The listener serves {seen.Fingerprint} and not {expected}.");
    }

    /// <summary>Listener, memory, disk, in this order: a name that is in no memory cannot come back from the disk's
    /// copy, and a crash in between leaves a file that the next plan removes.</summary>
    public async Task<Applied> Remove(ServedName name, CancellationToken cancel)
    {
        if (view.Process is not { } process)
        {
            return new Applied(null, ShouldLookAgain: true);
        }

        if (view.MemoryOf(name.Value) is not null)
        {
            switch (await writer.Remove(files.Directory.For(name), process, cancel))
            {
                case WriteOutcome.Refused refused:
                    return Applied.Refused(NodeErrorCodes.HAProxyRefused, refused.Reason);
                case WriteOutcome.Replaced:
                    return new Applied(null, ShouldLookAgain: true);
                default:
                    view.SetMemory(process, name.Value, null);
                    break;
            }
        }

        try
        {
            files.Remove(name);
            view.SetFile(name.Value, null);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return Applied.Refused(NodeErrorCodes.DiskFailed, $"The file could not be removed: {failure.Message}");
        }

        var seen = await listener.Visit(name.Value, cancel);
        if (!seen.IsUnknownName)
        {
            return Applied.Refused(
                NodeErrorCodes.HandshakeMismatch,
                $"The listener should refuse the name: {seen.Fault ?? "it serves " + seen.Fingerprint}");
        }

        view.SetProven(process, name.Value, "");
        return Applied.Well;
    }

    public void Quarantine(ServedName name)
    {
        files.Quarantine(name);
        view.SetFile(name.Value, null);
    }

    /// <summary>Names of the file on disk that neither this bundle nor one of their own would serve.</summary>
    private string NamesGoingDark(ServedName name, PemPayload next) => string.Join(
        ", ", files.NamesLostBy(name, next).Where(other => string.IsNullOrEmpty(view.ProvenOf(other))));

    private static bool IsOlder(PemPayload offered, BundleFile held) =>
        offered.NotBefore < held.NotBefore && offered.NotAfter < held.NotAfter;

    private async Task<Applied> Inject(ServedName name, PemPayload payload, CancellationToken cancel)
    {
        if (view.Process is not { } process)
        {
            return new Applied(null, ShouldLookAgain: true);
        }

        var path = files.Directory.For(name);
        var before = view.MemoryOf(name.Value);
        var outcome = await writer.Inject(
            path, payload, isNew: before is null, isListed: before is { Listed: true }, process, cancel);
        switch (outcome)
        {
            case WriteOutcome.Written written:
                meter.Injected();
                view.SetMemory(process, name.Value, written.Held);
                return Applied.Well;
            case WriteOutcome.Refused { IsOversized: true } refused:
                return Applied.Refused(NodeErrorCodes.Oversized, refused.Reason);
            case WriteOutcome.Refused refused:
                meter.InjectionRefused();
                await LookAgain(process, path);
                return Applied.Refused(NodeErrorCodes.HAProxyRefused, refused.Reason);
            default:
                return new Applied(null, ShouldLookAgain: true);
        }
    }

    /// <summary>After a refusal what is in memory is asked, not assumed: the next try starts from there.</summary>
    private async Task LookAgain(HaproxyProcess process, CertificatePath path)
    {
        try
        {
            await writer.WhileNobodyWrites(
                async () => view.SetMemory(
                    process, path.Name.Value, await memory.ReadOne(path, CancellationToken.None)),
                CancellationToken.None);
        }
        catch (RuntimeUnreachableException)
        {
            view.ForgetMemory();
        }
    }

    private void TryDropStage(ServedName name)
    {
        try
        {
            files.DropStage(name);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The stage is a dot-file, which HAProxy skips; the next start of the agent clears it.
            meter.StageLeft();
        }
    }
}
