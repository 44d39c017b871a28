namespace ControlPlane.Http.Rates;

/// <summary>How often one caller may ask one replica.</summary>
internal sealed class Rate
{
    public int PerSecond { get; set; }

    /// <summary>Requests at once after a pause.</summary>
    public int Burst { get; set; }
}

/// <summary>
/// Section <c>Http:Rates</c>: the rates of each kind of caller, such as <c>Http:Rates:Portal:PerSecond</c>. They are
/// counted by each replica for itself: what they protect is that replica and its share of the database's connections,
/// and a count over all replicas would cost a write for each request, which is the very load to be kept away. Behind N
/// replicas a caller gets up to N times as much.
/// </summary>
internal sealed class RateOptions
{
    public const string Section = "Http:Rates";

    public Rate Portal { get; set; } = new() { PerSecond = 200, Burst = 400 };

    public Rate Support { get; set; } = new() { PerSecond = 50, Burst = 200 };

    public Rate Admin { get; set; } = new() { PerSecond = 200, Burst = 400 };

    public Rate Node { get; set; } = new() { PerSecond = 100, Burst = 400 };

    /// <summary>Everyone without a key that this replica knows, by remote address.</summary>
    public Rate Anonymous { get; set; } = new() { PerSecond = 20, Burst = 100 };

    /// <exception cref="InvalidOperationException">A rate lets nobody through.</exception>
    public RateOptions Checked() =>
        new[] { Portal, Support, Admin, Node, Anonymous }.All(rate => rate is { PerSecond: >= 1, Burst: >= 1 })
            ? this
            : throw new InvalidOperationException($"{Section}: every PerSecond and Burst must be 1 or more.");
}
