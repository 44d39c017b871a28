namespace Benchmarks;

/// <summary>Quantiles by the nearest rank, in the unit of the values.</summary>
internal sealed record Spread(double P50, double P99, double Max)
{
    /// <param name="values">At least one.</param>
    public static Spread Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return new Spread(Rank(0.50), Rank(0.99), sorted[^1]);

        double Rank(double share) => sorted[(int)Math.Ceiling(share * sorted.Length) - 1];
    }

    /// <summary>In milliseconds.</summary>
    public static Spread Of(IEnumerable<TimeSpan> times) => Of(times.Select(time => time.TotalMilliseconds));
}
