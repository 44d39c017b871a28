using System.CommandLine;
using System.Net;
using ControlPlane.Drills;

namespace CertCentralSandbox;

/// <summary>The options of the program. A wrong one ends it with a sentence and exit status 1.</summary>
internal static class CommandLine
{
    public static RootCommand Create()
    {
        var listen = EndPoint("--listen", "Address and port of the API.", "127.0.0.1:5090");
        var state = new Option<string>("--state")
        {
            Description = "Directory that keeps the test CA's keys and the orders across restarts.",
            Required = true,
        };
        var apiKey = new Option<string>("--api-key") { Description = "Value X-DC-DEVKEY must have.", Required = true };
        var dns = EndPoint("--dns", "DNS server that the validation perspectives ask.", "127.0.0.1:5053");
        var httpPort = Number("--http-port", "Port that stands for 80 when a token is fetched.", 80, 1, 65535);
        var httpsPort = Number("--https-port", "Port that stands for 443.", 443, 1, 65535);
        var perspectives = Number("--perspectives", "Network perspectives per check.", 4, 1, 12);
        var factor = new Option<double>("--clock-factor")
        {
            Description = "How much faster the CA's own polling runs than the wall clock.",
            DefaultValueFactory = _ => 1,
        };
        factor.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is not (>= 0.1 and <= 100_000))
            {
                result.AddError("--clock-factor takes 0.1 to 100000.");
            }
        });
        var delay = new Option<TimeSpan>("--issue-delay")
        {
            Description = "Time between a good check and the certificate: 0s, 1500ms, 2m, 1h, 1d.",
            DefaultValueFactory = _ => TimeSpan.Zero,
            CustomParser = result =>
            {
                if (Durations.TryParse(result.Tokens[0].Value, out var span) && span >= TimeSpan.Zero)
                {
                    return span;
                }

                result.AddError("--issue-delay takes a duration such as 0s, 1500ms, 2m, 1h or 1d.");
                return default;
            },
        };
        var rateLimit = new Option<string>("--rate-limit")
        {
            Description = "Whether the documented quotas are enforced.",
            DefaultValueFactory = _ => "on",
        };
        rateLimit.AcceptOnlyFromAmong("on", "off");
        var seed = Number("--seed", "Seed for faults that have a probability.", 1, 0, int.MaxValue);
        var rootOut = new Option<string?>("--root-out") { Description = "File the root certificate is written to." };

        var root = new RootCommand("Answers as DigiCert CertCentral does, for tests. Not a real CA, not DigiCert.")
        {
            listen, state, apiKey, dns, httpPort, httpsPort, perspectives, factor, delay, rateLimit, seed, rootOut,
        };
        root.SetAction((parsed, cancellation) => SandboxHost.RunAsync(
            new SandboxOptions
            {
                Listen = parsed.GetRequiredValue(listen),
                StateDirectory = parsed.GetRequiredValue(state),
                ApiKey = parsed.GetRequiredValue(apiKey),
                Dns = parsed.GetRequiredValue(dns),
                HttpPort = parsed.GetValue(httpPort),
                HttpsPort = parsed.GetValue(httpsPort),
                Perspectives = parsed.GetValue(perspectives),
                ClockFactor = parsed.GetValue(factor),
                IssueDelay = parsed.GetValue(delay),
                RateLimit = parsed.GetValue(rateLimit) == "on",
                Seed = parsed.GetValue(seed),
                RootOut = parsed.GetValue(rootOut),
            },
            cancellation));
        return root;
    }

    private static Option<IPEndPoint> EndPoint(string name, string description, string fallback) => new(name)
    {
        Description = description,
        DefaultValueFactory = _ => IPEndPoint.Parse(fallback),
        CustomParser = result =>
        {
            if (IPEndPoint.TryParse(result.Tokens[0].Value, out var endpoint))
            {
                return endpoint;
            }

            result.AddError($"{name} takes an address and a port, such as {fallback}.");
            return null;
        },
    };

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
