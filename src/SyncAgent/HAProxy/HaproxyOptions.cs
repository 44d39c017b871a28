namespace SyncAgent.HAProxy;

internal sealed record HaproxyOptions
{
    /// <summary>The <c>stats socket</c> of the configuration.</summary>
    public required string SocketPath { get; init; }

    /// <summary>HAProxy's <c>tune.bufsize</c> in bytes: what a command and its payload must fit into.</summary>
    public int BufferSize { get; init; } = 16_384;

    /// <summary>For one bundle or one look. An injection takes 3 ms; only a worker that hangs needs more than
    /// this.</summary>
    public TimeSpan CommandLimit { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>For reading everything: 29,000 certificates take some seconds.</summary>
    public TimeSpan InventoryLimit { get; init; } = TimeSpan.FromSeconds(60);
}
