using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace ControlPlane.Metrics;

/// <summary>
/// Listens to the program's meter and writes it as Prometheus text 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/). Counters end in <c>_total</c>; histograms have the
/// buckets their instrument advises.
/// </summary>
internal sealed class PrometheusText : IDisposable
{
    /// <summary>Used when an instrument advises nothing: seconds.</summary>
    private static readonly double[] DefaultBuckets = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60];

    private readonly ConcurrentDictionary<Instrument, Family> _families = new();
    private readonly MeterListener _listener = new();

    public PrometheusText()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == Instruments.MeterName)
            {
                _families.TryAdd(instrument, new Family(instrument));
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<double>((i, value, tags, _) => Record(i, value, tags));
        _listener.SetMeasurementEventCallback<float>((i, value, tags, _) => Record(i, value, tags));
        _listener.SetMeasurementEventCallback<long>((i, value, tags, _) => Record(i, value, tags));
        _listener.SetMeasurementEventCallback<int>((i, value, tags, _) => Record(i, value, tags));
        _listener.Start();
    }

    /// <summary>Everything measured so far.</summary>
    public string Write()
    {
        _listener.RecordObservableInstruments();
        var text = new StringBuilder();
        foreach (var family in _families.Values.OrderBy(family => family.Name, StringComparer.Ordinal))
        {
            family.Write(text);
        }

        return text.ToString();
    }

    public void Dispose() => _listener.Dispose();

    /// <summary>Writes the two lines above a family.</summary>
    public static void Head(StringBuilder text, string name, string help, string type) => text
        .Append("# HELP ").Append(name).Append(' ').Append(help.Replace("\\", "\\\\").Replace("\n", "\\n")).Append('\n')
        .Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');

    /// <summary>Writes one sample.</summary>
    public static void Sample(StringBuilder text, string name, string labels, double value) => text
        .Append(name).Append(labels.Length == 0 ? "" : $"{{{labels}}}").Append(' ').Append(Number(value)).Append('\n');

    /// <summary>Writes one label; backslash, quote and line feed are escaped.</summary>
    public static string Label(string name, object? value) => $"{Name(name)}=\"{$"{value}".Replace("\\", "\\\\")
        .Replace("\"", "\\\"").Replace("\n", "\\n")}\"";

    private void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (_families.TryGetValue(instrument, out var family))
        {
            var labels = new List<string>(tags.Length);
            foreach (var (name, text) in tags)
            {
                labels.Add(Label(name, text));
            }

            labels.Sort(StringComparer.Ordinal);
            family.Record(string.Join(',', labels), value);
        }
    }

    private static string Number(double value) =>
        double.IsPositiveInfinity(value) ? "+Inf" : value.ToString("R", CultureInfo.InvariantCulture);

    private static string Name(string name) =>
        string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c == '_' ? c : '_'));

    /// <summary>One instrument and its series by labels.</summary>
    private sealed class Family
    {
        private readonly ConcurrentDictionary<string, Series> _series = new();
        private readonly string _help;
        private readonly string _type;
        private readonly bool _sums;
        private readonly double[] _bounds;

        public Family(Instrument instrument)
        {
            var kind = instrument.GetType().GetGenericTypeDefinition();
            _type = kind == typeof(Histogram<>) ? "histogram"
                : kind == typeof(Counter<>) || kind == typeof(ObservableCounter<>) ? "counter"
                : "gauge";
            _sums = kind == typeof(Counter<>) || kind == typeof(UpDownCounter<>);
            _help = instrument.Description ?? instrument.Name;
            Name = PrometheusText.Name(instrument.Name);
            if (_type == "counter" && !Name.EndsWith("_total", StringComparison.Ordinal))
            {
                Name += "_total";
            }

            _bounds = _type != "histogram" ? []
                : [.. (instrument as Histogram<double>)?.Advice?.HistogramBucketBoundaries ?? DefaultBuckets];
        }

        public string Name { get; }

        public void Record(string labels, double value)
        {
            var series = _series.GetOrAdd(labels, static (_, bounds) => new Series(bounds), _bounds.Length + 1);
            lock (series)
            {
                series.Value = _sums || _type == "histogram" ? series.Value + value : value;
                if (_type == "histogram")
                {
                    var bucket = Array.FindIndex(_bounds, bound => value <= bound);
                    series.Buckets[bucket < 0 ? _bounds.Length : bucket]++;
                }
            }
        }

        public void Write(StringBuilder text)
        {
            Head(text, Name, _help, _type);
            foreach (var (labels, series) in _series.OrderBy(entry => entry.Key, StringComparer.Ordinal))
            {
                lock (series)
                {
                    if (_type == "histogram")
                    {
                        WriteHistogram(text, labels, series);
                    }
                    else
                    {
                        Sample(text, Name, labels, series.Value);
                    }
                }
            }
        }

        private void WriteHistogram(StringBuilder text, string labels, Series series)
        {
            var before = labels.Length == 0 ? "" : labels + ",";
            long count = 0;
            for (var i = 0; i <= _bounds.Length; i++)
            {
                count += series.Buckets[i];
                var bound = Number(i < _bounds.Length ? _bounds[i] : double.PositiveInfinity);
                Sample(text, Name + "_bucket", $"{before}le=\"{bound}\"", count);
            }

            Sample(text, Name + "_sum", labels, series.Value);
            Sample(text, Name + "_count", labels, count);
        }
    }

    private sealed class Series(int buckets)
    {
        public double Value { get; set; }

        public long[] Buckets { get; } = new long[buckets];
    }
}
