namespace LocalFleet.Processes;

/// <summary>Runs a program that ends by itself, and reads what it says.</summary>
internal static class Tool
{
    // 60 s: the slowest (initdb, a first migration) takes 3 s on an idle machine; more means that it hangs.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <returns>Its standard output.</returns>
    /// <exception cref="FleetException">It failed, or ran for more than a minute; with the end of what it
    /// said.</exception>
    public static async Task<string> RunAsync(ChildStart start, CancellationToken cancellation, string input = "")
    {
        var (status, output, errors) = await TryAsync(start, cancellation, input);
        return status == 0
            ? output
            : throw new FleetException(
                $"`{Spoken(start)}` failed with exit status {status}:\n{LogTail.Last(errors + output, 15)}");
    }

    public static async Task<(int Status, string Output, string Errors)> TryAsync(
        ChildStart start, CancellationToken cancellation, string input = "")
    {
        using var process = await Spawner.StartAsync(start, logFile: null);
        using var limit = new CancellationTokenSource(Limit, TimeProvider.System);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(both.Token);
            var errors = process.StandardError.ReadToEndAsync(both.Token);
            await WriteAsync(process.StandardInput, input);
            await process.WaitForExitAsync(both.Token);
            return (process.ExitCode, await output, await errors);
        }
        catch (OperationCanceledException e)
        {
            Signals.Send(-process.Id, Signals.Kill);
            cancellation.ThrowIfCancellationRequested();
            throw new FleetException($"`{Spoken(start)}` did not end within {Limit.TotalSeconds:0} s.", e);
        }
    }

    private static async Task WriteAsync(StreamWriter writer, string input)
    {
        try
        {
            await writer.WriteAsync(input);
            writer.Close();
        }
        catch (IOException)
        {
            // It ended without reading: its exit status tells why.
            return;
        }
    }

    private static string Spoken(ChildStart start) =>
        string.Join(' ', new[] { Path.GetFileName(start.Program) }
            .Concat(
                start.Arguments.Take(3)
                    .Select(a => a.EndsWith(".dll", StringComparison.Ordinal) ? Path.GetFileName(a) : a)));
}
