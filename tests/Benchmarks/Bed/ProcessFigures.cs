using System.Globalization;

namespace Benchmarks.Bed;

/// <summary>What the kernel counts for a process (proc(5)).</summary>
internal static class ProcessFigures
{
    /// <summary>USER_HZ: a hundredth of a second on every Linux this runs on.</summary>
    private const double TicksPerSecond = 100;

    private const double KiloBytesPerMegaByte = 1024;

    /// <summary>CPU time of a process and of the children it has now, in seconds.</summary>
    public static double CpuSeconds(int pid)
    {
        var own = Stat(pid) is { } stat ? (stat.User + stat.Kernel) / TicksPerSecond : 0;
        return own + Children(pid).Sum(CpuSeconds);
    }

    /// <summary>Resident memory in MB (2^20 bytes); 0 when the process has ended.</summary>
    public static double Rss(int pid) => Status(pid, "VmRSS:");

    /// <summary>The most it ever was.</summary>
    public static double PeakRss(int pid) => Status(pid, "VmHWM:");

    /// <summary>Waits until a process has nothing left to do: less than a twentieth of a core over a second.</summary>
    public static async Task UntilIdleAsync(int pid, CancellationToken stop)
    {
        var time = TimeProvider.System;
        while (true)
        {
            var before = CpuSeconds(pid);
            var began = time.GetTimestamp();
            await Task.Delay(TimeSpan.FromSeconds(1), time, stop);
            if ((CpuSeconds(pid) - before) / time.GetElapsedTime(began).TotalSeconds < 0.05)
            {
                return;
            }
        }
    }

    private static double Status(int pid, string field) =>
        File.ReadLines($"/proc/{pid}/status").Where(line => line.StartsWith(field, StringComparison.Ordinal))
            .Select(line => double.Parse(
                line[field.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture))
            .FirstOrDefault() / KiloBytesPerMegaByte;

    private static IEnumerable<int> Children(int parent) =>
        Directory.EnumerateDirectories("/proc")
            .Select(path => int.TryParse(Path.GetFileName(path), out var pid) ? pid : 0)
            .Where(pid => pid > 0 && Stat(pid)?.Parent == parent);

    /// <summary>Null when the process has ended.</summary>
    private static (int Parent, double User, double Kernel)? Stat(int pid)
    {
        try
        {
            // The name in parentheses may hold anything; after the last one come state, parent, …
            var text = File.ReadAllText($"/proc/{pid}/stat");
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return (
                int.Parse(fields[1], CultureInfo.InvariantCulture),
                double.Parse(fields[11], CultureInfo.InvariantCulture),
                double.Parse(fields[12], CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            return null;
        }
    }
}
