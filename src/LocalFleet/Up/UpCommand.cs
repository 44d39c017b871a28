namespace LocalFleet.Up;

/// <summary>From the first process to the last handshake. Whatever happens, everything that was started is
/// ended.</summary>
internal static class UpCommand
{
    // 128 + SIGINT, as a shell would say it.
    private const int Interrupted = 130;

    public static async Task<int> RunAsync(UpOptions options)
    {
        using var stop = new CancellationTokenSource();
        using var signals = new StopSignals(stop);
        try
        {
            await using var fleet = Fleet.Prepare(options.Fleet);
            fleet.AgentRestarted = Console.Error.WriteLine;
            Console.WriteLine($"Starting in {fleet.Layout.Root}; logs are in {fleet.Layout.Logs}.");
            var status = await RunUntilDeathAsync(fleet, options, stop);
            Console.WriteLine("Ending all parts in order.");
            return status;
        }
        catch (FleetException e)
        {
            await Console.Error.WriteLineAsync($"error: {e.Message}");
            return 1;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("Interrupted before every domain was proven.");
            return Interrupted;
        }
    }

    private static async Task<int> RunUntilDeathAsync(Fleet fleet, UpOptions options, CancellationTokenSource stop)
    {
        // A dead part ends the run at once, whatever it is waiting for.
        var run = RunToEndAsync(fleet, options, stop.Token);
        if (await Task.WhenAny(run, fleet.Death) == run)
        {
            return await run;
        }

        await stop.CancelAsync();
        // Let it come to its end before the parts under it are ended; its own complaint follows from the death.
        await ((Task)run).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        throw new FleetException(await fleet.Death);
    }

    private static async Task<int> RunToEndAsync(Fleet fleet, UpOptions options, CancellationToken stop)
    {
        await fleet.StartAsync(line => Console.WriteLine($"  {line}"), stop);
        using var api = ApiClient.For(fleet);
        var started = TimeProvider.System.GetTimestamp();
        await SampleDomains.RegisterAsync(api, options, stop);
        var domains = await ProgressView.WatchAsync(api, options.Timeout, stop);
        if (options.Campaign)
        {
            using var admin = ApiClient.ForAdmin(fleet);
            var result = await new CampaignDrill(fleet, admin, Console.WriteLine)
                .RunAsync([.. domains.Where(one => one.IsActive)], options.Timeout, stop);
            if (!result.IsAsForetold)
            {
                throw new FleetException($"It took another time than was foretold: {result}");
            }

            domains = await api.ListAsync(stop);
        }

        var proofs = await Handshakes.ProveAsync(fleet, domains, stop);
        var wall = TimeProvider.System.GetElapsedTime(started);
        var report = await Report.MakeAsync(fleet, domains, proofs, wall, stop);
        report.Print(fleet, domains);
        if (options.Report is not null)
        {
            report.Write(options.Report);
        }

        var unproven = domains.Where(d => !d.IsActive)
            .Select(d => $"{d.Hostname} is {d.Status}, waiting on {d.WaitingOn}: {d.Reason}. {d.Detail}")
            .Concat(proofs.Failures);
        foreach (var domain in unproven.Take(10))
        {
            await Console.Error.WriteLineAsync($"not proven: {domain}");
        }

        var status = report.IsWhole ? 0 : 1;
        if (!options.Once)
        {
            Console.WriteLine("Running until Ctrl-C.");
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return status;
    }
}
