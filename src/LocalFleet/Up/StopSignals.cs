using System.Runtime.InteropServices;

namespace LocalFleet.Up;

/// <summary>Ctrl-C, a closed terminal and SIGTERM all mean: end in order.</summary>
internal sealed class StopSignals : IDisposable
{
    private static readonly PosixSignal[] Ending =
        [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGQUIT];

    private readonly List<PosixSignalRegistration> _registrations;

    public StopSignals(CancellationTokenSource stop) => _registrations =
    [
        .. Ending.Select(signal => PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            stop.Cancel();
        })),
    ];

    public void Dispose() => _registrations.ForEach(registration => registration.Dispose());
}
