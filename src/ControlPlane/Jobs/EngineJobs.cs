using ControlPlane.Domains;
using Quartz;

namespace ControlPlane.Jobs;

/// <summary>The guarantee behind the wakes: rings every stage on whichever replica the engine chose.</summary>
internal sealed class TickJob(Wakes wakes) : IJob
{
    public ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken = default)
    {
        foreach (var (state, _) in IssuancePath.Steps)
        {
            wakes.SignalOf(state).Ring();
        }

        return default;
    }
}

/// <summary>Runs one sweep; never two of a kind at a time, over all replicas.</summary>
[DisallowConcurrentExecution]
internal sealed partial class SweepJob<T>(T sweep, ILogger<SweepJob<T>> log) : IJob
    where T : ISweep
{
    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            await sweep.RunAsync(cancellationToken);
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            // A sweep that fails is a sweep late: the next turn does its work.
            LogFailed(fault, typeof(T).Name);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Sweep {Sweep} failed; its next turn tries again")]
    private partial void LogFailed(Exception fault, string sweep);
}
