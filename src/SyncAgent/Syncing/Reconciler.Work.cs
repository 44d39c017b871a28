using ControlPlane.Contracts;
using SyncAgent.ControlPlaneApi;
using SyncAgent.Observing;
using SyncAgent.Planning;

namespace SyncAgent.Syncing;

/// <summary>The part that acts: one name's actions in their order, and what is said about them afterwards.</summary>
internal sealed partial class Reconciler
{
    private async Task Work(Job job, SealedBundle? bundle, CancellationToken cancel)
    {
        await _hands.WaitAsync(cancel);
        try
        {
            var applied = Applied.Well;
            foreach (var action in job.Actions)
            {
                LogAction(action.Kind, action.Hostname, action.Reason);
                applied = await Act(action.Kind, job, bundle, cancel);
                if (applied.ShouldLookAgain || applied.Error is not null)
                {
                    break;
                }
            }

            Conclude(job, applied);
        }
        finally
        {
            _hands.Release();
        }
    }

    /// <returns>null when the API could not be asked: each of the batch is tried again later.</returns>
    private async Task<IReadOnlyDictionary<Guid, SealedBundle>?> TryFetch(Job[] batch, CancellationToken cancel)
    {
        try
        {
            var arrived = await source.Fetch([.. batch.Select(job => job.Entry!.Domain)], cancel);
            _apiBackoff.Succeeded();
            return arrived;
        }
        catch (ApiUnavailableException failure)
        {
            meter.ApiFailed();
            var delay = _apiBackoff.Failed(failure.RetryAfter);
            LogNotFetched(batch.Length, failure.Message, delay.TotalSeconds);
            Later(batch, delay);
            return null;
        }
    }

    private async Task<Applied> Act(ActionKind kind, Job job, SealedBundle? bundle, CancellationToken cancel)
    {
        switch (kind)
        {
            case ActionKind.Quarantine:
                applier.Quarantine(job.Name);
                return Applied.Well;
            case ActionKind.LoadFromDisk:
                return bundle is null ? await applier.LoadFromDisk(job.Name, cancel) : Applied.Well;
            case ActionKind.Verify:
                return await applier.Verify(job.Name, view.FileOf(job.Name.Value)!.Fingerprint!, cancel);
            case ActionKind.SetLowestTls:
                return await applier.SetLowestTls(
                    job.Name, view.Describe(job.Name.Value, job.Entry).WantsTls13, cancel);
            case ActionKind.Remove:
                return await applier.Remove(job.Name, cancel);
            case ActionKind.HoldWithdrawal:
                LogHeld(job.Name.Value);
                return Applied.Well;
            default:
                return await Deploy(job, bundle, cancel);
        }
    }

    private async Task<Applied> Deploy(Job job, SealedBundle? bundle, CancellationToken cancel)
    {
        var wanted = job.Entry!.Wanted!;
        if (bundle is null)
        {
            return Applied.Refused(NodeErrorCodes.NotDelivered, "The API lists the bundle and has none to give.");
        }

        if (bundle.Hostname != job.Name.Value)
        {
            return Applied.Refused(
                NodeErrorCodes.BundleMismatch, "The API delivered the bundle of another name.");
        }

        if (bundle.Fingerprint != wanted.Fingerprint)
        {
            // A newer bundle than the one listed: the poll that lists it is on its way.
            return bundle.Revision > wanted.Revision
                ? new Applied(null, ShouldLookAgain: true)
                : Applied.Refused(NodeErrorCodes.BundleMismatch, "The API delivered another bundle than it lists.");
        }

        var opened = source.Open(bundle);
        using (opened.Payload)
        {
            return opened.Error is not null
                ? new Applied(opened.Error)
                : await applier.Deploy(job.Name, opened.Payload!, cancel);
        }
    }

    private void Conclude(Job job, Applied applied)
    {
        var hostname = job.Name.Value;
        if (applied.ShouldLookAgain)
        {
            Later([job], Jitter.Spread(TimeSpan.FromMilliseconds(500)));
            return;
        }

        if (applied.Error is not null)
        {
            LogRefused(hostname, applied.Error.Code, applied.Error.Detail);
            WaitAfterFailure(job, applied.Error);
            SetFileAside(job, applied.Error);
        }
        else
        {
            quarantine.Succeeded(hostname);
        }

        if (job.Entry is not null
            && Observation.Of(job.Name.Value, job.Entry, view, applied.Error, job.IsHeld) is { } row)
        {
            reporter.Tell(row);
        }
    }

    /// <summary>A file that HAProxy refuses to load would stop its next start, and with it every domain of the
    /// node.</summary>
    private void SetFileAside(Job job, NodeError error)
    {
        if (error.Code == NodeErrorCodes.HAProxyRefused
            && job.Actions.Any(action => action.Kind == ActionKind.LoadFromDisk)
            && view.FileOf(job.Name.Value) is { IsDamaged: false }
            && quarantine.MaySetFileAside(job.Name.Value, book.Count))
        {
            LogFileSetAside(job.Name.Value, error.Detail);
            applier.Quarantine(job.Name);
        }
    }

    private void WaitAfterFailure(Job job, NodeError? cause) =>
        Later([job], quarantine.Failed(job.Name.Value, job.Entry?.Revision ?? 0, cause));
}
