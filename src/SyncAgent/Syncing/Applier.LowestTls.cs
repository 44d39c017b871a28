using ControlPlane.Contracts;
using SyncAgent.HAProxy;
using SyncAgent.Planning;

namespace SyncAgent.Syncing;

/// <summary>The part that moves a name between the listener's two crt-lists, and proves what came of it.</summary>
internal sealed partial class Applier
{
    /// <summary>Memory, then the list for HAProxy's next start, then the proof by handshakes: one that succeeds, and
    /// for TLS 1.3 one with TLS 1.2 that is refused. The name is served all the while.</summary>
    public async Task<Applied> SetLowestTls(ServedName name, bool tls13, CancellationToken cancel)
    {
        if (view.Process is not { } process || view.MemoryOf(name.Value) is not { } before
            || view.FileOf(name.Value) is not { Fingerprint: { } served })
        {
            return new Applied(null, ShouldLookAgain: true);
        }

        var wanted = tls13 ? Listing.Tls13 : Listing.Directory;
        if (before.In != wanted)
        {
            switch (await writer.Move(files.Directory.For(name), before.In, wanted, process))
            {
                case WriteOutcome.Written written:
                    view.SetMemory(process, name.Value, written.Held, wanted);
                    break;
                case WriteOutcome.Refused refused:
                    return Applied.Refused(
                        refused.Lacks ? NodeErrorCodes.Tls13ListMissing : NodeErrorCodes.HAProxyRefused,
                        refused.Reason);
                default:
                    return new Applied(null, ShouldLookAgain: true);
            }
        }

        try
        {
            await files.Tls13.Set(name, tls13);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return Applied.Refused(
                NodeErrorCodes.DiskFailed, $"The list of names without TLS 1.2 was not written: {failure.Message}");
        }

        var verified = await Verify(name, served, cancel);
        return verified.Error is not null || verified.ShouldLookAgain || tls13
            || await listener.VisitInTls12(name.Value, cancel) is not { Fault: { } fault }
            ? verified
            : Applied.Refused(NodeErrorCodes.HandshakeMismatch, $"The listener should take TLS 1.2 again: {fault}");
    }

    /// <summary>A visitor who speaks nothing newer than TLS 1.2 comes in exactly if the name allows it.</summary>
    private async Task<Applied> VerifyLowestTls(ServedName name, HaproxyProcess process, CancellationToken cancel)
    {
        if (view.MemoryOf(name.Value)?.In != Listing.Tls13)
        {
            return Applied.Well;
        }

        var old = await listener.VisitInTls12(name.Value, cancel);
        if (old.IsVersionRefused)
        {
            return Applied.Well;
        }

        // Whatever HAProxy's lists are now, they are to be put in order again.
        view.SetMemory(process, name.Value, await memory.ReadOne(files.Directory.For(name), cancel), Listing.Both);
        return Applied.Refused(
            NodeErrorCodes.HandshakeMismatch,
            $"The listener should refuse TLS 1.2 for the name: {old.Fault ?? "it serves " + old.Fingerprint}");
    }
}
