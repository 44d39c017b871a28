using Spectre.Console;

namespace LocalFleet.Up;

/// <summary>Shows how the domains get on: a live table on a terminal, plain lines otherwise.</summary>
internal static class ProgressView
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    /// <summary>A look reads all domains: with thousands it must not be what the machine is busy with.</summary>
    private static readonly TimeSpan LongPause = TimeSpan.FromSeconds(5);

    private const int Many = 500;

    /// <returns>The domains the stand-in DNS knows, as they are when all are active or failed, or when the time is
    /// over.</returns>
    public static async Task<IReadOnlyList<DomainView>> WatchAsync(
        ApiClient api, TimeSpan limit, CancellationToken stop)
    {
        if (Console.IsOutputRedirected || !AnsiConsole.Profile.Capabilities.Interactive)
        {
            var last = "";
            return await PollAsync(api, limit, domains =>
            {
                var line = Summary(domains);
                if (line != last)
                {
                    Console.WriteLine(line);
                    last = line;
                }
            }, stop);
        }

        return await AnsiConsole.Live(new Text("")).StartAsync(context => PollAsync(api, limit, domains =>
        {
            context.UpdateTarget(Table(domains));
            context.Refresh();
        }, stop));
    }

    private static async Task<IReadOnlyList<DomainView>> PollAsync(
        ApiClient api, TimeSpan limit, Action<IReadOnlyList<DomainView>> show, CancellationToken stop)
    {
        var time = TimeProvider.System;
        var started = time.GetTimestamp();
        while (true)
        {
            var domains = (await api.ListAsync(stop)).Where(d => LocalNames.LeadsHere(d.Hostname)).ToList();
            show(domains);
            if (domains.All(d => d.IsActive || d.HasFailed))
            {
                return domains;
            }

            if (time.GetElapsedTime(started) > limit)
            {
                await Console.Error.WriteLineAsync($"After {limit.TotalSeconds:0} s not every domain is active.");
                return domains;
            }

            await Task.Delay(domains.Count > Many ? LongPause : Pause, time, stop);
        }
    }

    private static string Summary(IReadOnlyList<DomainView> domains)
    {
        var waiting = domains.Where(d => !d.IsActive)
            .GroupBy(d => d.Reason ?? d.Status)
            .OrderByDescending(g => g.Count())
            .Select(g => $"{g.Count()} {g.Key}");
        return $"{domains.Count(d => d.IsActive)} of {domains.Count} active"
            + string.Concat(waiting.Select(w => $", {w}"));
    }

    private static Table Table(IReadOnlyList<DomainView> domains)
    {
        var table = new Table().Border(TableBorder.Rounded).Title(Markup.Escape(Summary(domains)));
        table.AddColumns("hostname", "status", "waiting on", "reason", "nodes", "seconds");
        // What still waits goes first, and only as much as fits: a live table must not be taller than its terminal.
        var room = Math.Max(3, AnsiConsole.Profile.Height - 8);
        foreach (var domain in domains.OrderBy(d => d.IsActive).Take(room))
        {
            var colour = domain.IsActive ? Color.Green : domain.HasFailed ? Color.Red : Color.Yellow;
            table.AddRow(
                new Text(domain.Hostname),
                new Text(domain.Status, colour),
                new Text(domain.IsActive ? "" : domain.WaitingOn ?? ""),
                new Text(domain.IsActive ? "" : domain.Reason ?? ""),
                new Text($"{domain.NodesReady}/{domain.NodesTotal}"),
                new Text(domain.TimeToActive is { } took ? $"{took.TotalSeconds:0.0}" : ""));
        }

        if (domains.Count > room)
        {
            table.Caption($"and {domains.Count - room} more");
        }

        return table;
    }
}
