namespace LocalFleet.Up;

/// <summary>Registers what is missing, as a customer's portal would: over the REST API, with the portal's
/// key.</summary>
internal static class SampleDomains
{
    public static async Task RegisterAsync(ApiClient api, UpOptions options, CancellationToken stop)
    {
        var all = (await api.ListAsync(stop)).Select(d => d.Hostname).ToList();
        var known = all.Where(LocalNames.LeadsHere).ToHashSet(StringComparer.Ordinal);
        var missing = LocalNames.Samples(options.Fleet.Seed)
            .Where(name => !known.Contains(name))
            .Take(Math.Max(0, options.Domains - known.Count))
            .ToList();
        if (known.Count > 0)
        {
            Console.WriteLine(
                $"{known.Count} domains are there from an earlier run; {missing.Count} more are registered.");
        }

        if (all.Count > known.Count)
        {
            Console.WriteLine(
                $"{all.Count - known.Count} more lie outside {LocalNames.Customers}, where no stand-in DNS leads here; "
                + "they are not waited for.");
        }

        if (options.Import && missing.Count > 0)
        {
            await new NameImport(api, Console.WriteLine).RunAsync(missing, stop);
            return;
        }

        // Eight at once: a busy portal, not an attack.
        var bound = new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = stop };
        await Parallel.ForEachAsync(missing, bound, async (name, token) => await api.RegisterAsync(name, token));
    }
}
