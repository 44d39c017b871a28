using System.CommandLine;
using System.Net;

namespace LocalFleet.Up;

/// <summary>The options of the program. A wrong one ends it with a sentence and exit status 1.</summary>
internal static class CommandLine
{
    public static RootCommand Create()
    {
        var domains = Number("--domains", "Sample domains there shall be; those of an earlier run count.", 12, 0, 5000);
        var import = new Option<bool>("--import")
        {
            Description = "Register the sample domains by one file, and send it again: nothing may change.",
        };
        var campaign = new Option<bool>("--campaign")
        {
            Description = "Then replace every certificate by a campaign, among visitors and with the CA restarted.",
        };
        var once =
            new Option<bool>("--once") { Description = "Stop when every domain is proven; exit status 0 only then." };
        var report = new Option<string?>("--report") { Description = "File for the report, as JSON." };
        var seed = Number("--seed", "Seed of the sample names and of the sandbox CA's dice.", 1, 0, int.MaxValue);
        var directory = new Option<string>("--fleet-dir")
        {
            Description = "Where everything is kept; an existing one is continued.",
            DefaultValueFactory = _ => ".local",
        };
        var offset = Number("--port-offset", "Added to every port.", 0, 0, FleetPorts.MaxOffset);
        var timeout = Number("--timeout", "Seconds the domains may take.", 900, 1, 86_400);
        var replicas = Number("--replicas", "Control planes over the one database.", 1, 1, 5);
        var bind = new Option<IPAddress>("--bind")
        {
            Description = "Where API, sandbox CA, nodes and NLB stand-in listen. 0.0.0.0 is for containers.",
            DefaultValueFactory = _ => IPAddress.Loopback,
            CustomParser = result =>
            {
                if (IPAddress.TryParse(result.Tokens[0].Value, out var address))
                {
                    return address;
                }

                result.AddError("--bind takes an address, such as 127.0.0.1.");
                return null;
            },
        };
        var root = new RootCommand(
            "Runs the whole system on this machine, with stand-ins for the CA, the DNS and the NLB.")
        {
            domains, import, campaign, once, report, seed, directory, offset, timeout, replicas, bind,
        };
        root.SetAction((parsed, _) => UpCommand.RunAsync(new UpOptions
        {
            Fleet = new FleetOptions
            {
                Directory = parsed.GetRequiredValue(directory),
                Ports = new FleetPorts(parsed.GetValue(offset)),
                Replicas = parsed.GetValue(replicas),
                Bind = parsed.GetRequiredValue(bind),
                Seed = parsed.GetValue(seed),
            },
            Domains = parsed.GetValue(domains),
            Import = parsed.GetValue(import),
            Campaign = parsed.GetValue(campaign),
            Once = parsed.GetValue(once),
            Report = parsed.GetValue(report),
            Timeout = TimeSpan.FromSeconds(parsed.GetValue(timeout)),
        }));
        return root;
    }

    private static Option<int> Number(string name, string description, int fallback, int lowest, int highest)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => fallback };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is var value && (value < lowest || value > highest))
            {
                result.AddError($"{name} takes {lowest} to {highest}.");
            }
        });
        return option;
    }
}
