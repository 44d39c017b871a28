using System.ComponentModel;
using ControlPlane.Contracts;
using ControlPlane.Http;
using ControlPlane.Http.Transport;
using ControlPlane.Nodes.Access;
using ControlPlane.Nodes.Epochs;
using ControlPlane.Nodes.Fleets;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ControlPlane.Nodes.Publishing;

/// <summary>GET /v1/desired-state: what changed since a cursor, waited for without a thread or a query.</summary>
internal static class PollDesiredState
{
    /// <summary>Seconds after which one that found no seat asks again, evenly between the two: those that were turned
    /// away together must not return together.</summary>
    private const int EarliestRetry = 5;
    private const int LatestRetry = 15;

    public static async Task<Results<CompressibleJson<DesiredStatePage>, Problem>> HandleAsync(
        [Description("Cursor of the last page recorded; left out for the full list.")] string? since,
        [Description("Longest wait in seconds for something new, at most 50; left out, the answer comes at once.")]
        int? wait,
        HttpContext http,
        SharedPages pages,
        RolloutGates gates,
        DesiredStateWaiters waiters,
        NodeKeyCache keys,
        NodeAhead ahead,
        TimeProvider time,
        IHostApplicationLifetime lifetime)
    {
        DesiredStateCursor? position = null;
        if (!string.IsNullOrEmpty(since))
        {
            if (!DesiredStateCursor.TryParse(since, out var parsed))
            {
                return Problems.MalformedRequest.With("The cursor in since is not one of ours.");
            }

            position = parsed;
        }

        var caller = NodeAuthentication.Caller(http);
        var fleet = caller.Fleet;
        var patience = TimeSpan.FromSeconds(Math.Clamp(wait ?? 0, 0, Routes.MaxWaitSeconds));
        var began = time.GetTimestamp();
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(
            http.RequestAborted, lifetime.ApplicationStopping);
        IDisposable? seat = null;
        try
        {
            while (true)
            {
                // Before the read: what is published between read and wait has completed this task already.
                var change = waiters.NextChange(fleet);
                if (await RefusalAsync(keys, caller, http.RequestAborted) is { } refusal)
                {
                    return refusal;
                }

                var left = patience - time.GetElapsedTime(began);
                var waits = left > TimeSpan.Zero && !ends.IsCancellationRequested;
                var upTo = await gates.UpToAsync(change, caller, position, http.RequestAborted);
                var page = await pages.ReadAsync(change, fleet, position, upTo, waits, http.RequestAborted);
                if (page is null)
                {
                    if (position is { } shown)
                    {
                        await ahead.LookAsync(caller, shown.Epoch, shown.Revision, http.RequestAborted);
                    }

                    return NodeProblems.HistoryGone.With();
                }

                if (!page.IsEmpty || !waits)
                {
                    return page.Answer;
                }

                seat ??= waiters.TakeSeat(caller.Id);
                if (seat is null)
                {
                    return NodeProblems.TooManyWaiting.With() with
                    {
                        RetryAfterSeconds = Random.Shared.Next(EarliestRetry, LatestRetry + 1),
                    };
                }

                if (!await ChangedAsync(change.Happened, left, time, ends.Token))
                {
                    // Nothing happened: the page just read is still the answer, and the reader's new position.
                    return await RefusalAsync(keys, caller, CancellationToken.None) is { } late ? late : page.Answer;
                }
            }
        }
        finally
        {
            seat?.Dispose();
        }
    }

    /// <summary>Not null once the node was banned or retired, be it while it waited: what its fleet wants next is no
    /// longer its concern.</summary>
    private static async ValueTask<Problem?> RefusalAsync(
        NodeKeyCache keys, NodeIdentity caller, CancellationToken ct) =>
        await keys.FindAsync(caller.SigningKeyId, ct) is null
            ? NodeProblems.NodeTokenRefused.With("The node was banned or retired.")
            : null;

    /// <summary>False when the time is over, the caller gone or the program stopping.</summary>
    private static async Task<bool> ChangedAsync(Task change, TimeSpan left, TimeProvider time, CancellationToken ends)
    {
        try
        {
            await change.WaitAsync(left, time, ends);
            return true;
        }
        catch (Exception over) when (over is TimeoutException or OperationCanceledException)
        {
            return false;
        }
    }
}
