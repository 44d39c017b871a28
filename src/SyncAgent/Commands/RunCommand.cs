using System.CommandLine;
using System.Net;
using ControlPlane.Drills;
using SyncAgent.ControlPlaneApi;
using SyncAgent.HAProxy;
using SyncAgent.Local;
using SyncAgent.Syncing;

namespace SyncAgent.Commands;

/// <summary><c>sync-agent run</c>: keeps one HAProxy in step with the fleet until it is told to stop.</summary>
internal static class RunCommand
{
    public static Command Make()
    {
        var certificates = new Option<string>("--certs")
        {
            Required = true,
            Description = "The directory HAProxy's bind line names",
        };
        var socket = new Option<string>("--socket")
        {
            Required = true,
            Description = "HAProxy's stats socket",
        };
        var https = new Option<string>("--https")
        {
            Required = true,
            Description = "The node's own TLS listener, address:port",
        };
        var tokenDirectory = new Option<string>("--token-dir")
        {
            Required = true,
            Description = "The shared token store",
        };
        var tokenSocket = new Option<string>("--token-socket")
        {
            Required = true,
            Description = "The unix socket HAProxy asks",
        };
        var status = new Option<string?>("--status")
        {
            Description = "Loopback address:port that answers /metrics, /readyz and /healthz; it asks for no key",
        };
        status.Validators.Add(given =>
        {
            if (given.GetValueOrDefault<string?>() is { } text
                && !(IPEndPoint.TryParse(text, out var at) && at.Port > 0 && IPAddress.IsLoopback(at.Address)))
            {
                given.AddError("--status must be a loopback address and a port, such as 127.0.0.1:9180.");
            }
        });
        var trust = new Option<string[]>("--trust")
        {
            Description = "PEM file with a root to trust beside the system's",
        };
        var bufferSize = new Option<int>("--bufsize")
        {
            DefaultValueFactory = _ => 16_384,
            Description = "HAProxy's tune.bufsize",
        };
        var staleAfter = new Option<int>("--stale-after-minutes")
        {
            DefaultValueFactory = _ => 15,
            Description = "Age of the newest answer from which on an alarm is raised",
        };
        var digestEvery = new Option<int>("--digest-every-minutes")
        {
            DefaultValueFactory = _ => 15,
            Description = "How often the whole record is compared with the control plane's",
        };
        var auditEvery = new Option<int>("--audit-every-minutes")
        {
            DefaultValueFactory = _ => 30,
            Description = "Within what time all of HAProxy's memory is read back and proven",
        };
        foreach (var minutes in new[] { staleAfter, digestEvery, auditEvery })
        {
            minutes.Validators.Add(given =>
            {
                if (given.GetValueOrDefault<int>() is < 1 or > 1440)
                {
                    given.AddError($"{minutes.Name} must be 1 to 1440.");
                }
            });
        }

        var join = new EnrolOptions(isRequired: false);
        var command = new Command("run", "Keeps one HAProxy in step with the fleet.")
        {
            certificates, socket, https, tokenDirectory, tokenSocket, status, trust, bufferSize, staleAfter,
            digestEvery, auditEvery,
        };
        join.AddTo(command);
        command.SetAction((parsed, cancel) => Run(
            new AgentOptions
            {
                Api = join.ApiOf(parsed),
                ApiAuthority = join.ApiAuthorityOf(parsed),
                StateDirectory = parsed.GetRequiredValue(join.State),
                Certificates = CertificateDirectoryPath.Parse(parsed.GetRequiredValue(certificates)),
                Haproxy = new HaproxyOptions
                {
                    SocketPath = parsed.GetRequiredValue(socket),
                    BufferSize = parsed.GetValue(bufferSize),
                },
                Https = ListenerOf(parsed.GetRequiredValue(https)),
                TokenDirectory = parsed.GetRequiredValue(tokenDirectory),
                TokenSocket = Path.GetFullPath(parsed.GetRequiredValue(tokenSocket)),
                Status = parsed.GetValue(status) is { } at ? IPEndPoint.Parse(at) : null,
                Trust = parsed.GetValue(trust) ?? [],
                StaleAfter = TimeSpan.FromMinutes(parsed.GetValue(staleAfter)),
                DigestEvery = TimeSpan.FromMinutes(parsed.GetValue(digestEvery)),
                AuditEvery = TimeSpan.FromMinutes(parsed.GetValue(auditEvery)),
                Enrolment = join.Read(parsed),
            },
            cancel));
        return command;
    }

    private static async Task<int> Run(AgentOptions options, CancellationToken cancel)
    {
        using var only = WriterLock.TryTake(options.Haproxy.SocketPath);
        if (only is null)
        {
            await Console.Error.WriteLineAsync(
                $"Another agent already writes to {options.Haproxy.SocketPath}. HAProxy has one certificate "
                + "transaction per process, so a second writer could put one name's key under another. This agent does "
                + "not start.");
            return 1;
        }

        var time = ShiftedClock.FromEnvironment();
        var state = new StateDirectory(options.StateDirectory);
        using var identity = NodeIdentity.TryLoad(state) ?? await Join(options, state, time, cancel);
        if (identity is null)
        {
            return 1;
        }

        Directory.CreateDirectory(options.Certificates.Value);
        await using var app = AgentHost.Build(
            options, identity, state, time, Failpoint.OfThisProcess, ConsoleLog.Write);
        AgentHost.PrepareDisk(options, app);
        await app.RunAsync(cancel);
        return 0;
    }

    /// <summary>Joins, and waits for a control plane that is still starting.</summary>
    private static async Task<NodeIdentity?> Join(
        AgentOptions options, StateDirectory state, TimeProvider time, CancellationToken cancel)
    {
        if (options.Enrolment is null)
        {
            await Console.Error.WriteLineAsync(
                $"{options.StateDirectory} holds no identity. Give --join-code-file, --name and --http-endpoint, "
                + "or run `sync-agent enroll` first.");
            return null;
        }

        using var http = AgentHost.MakeHttpClient(options.Api, options.ApiAuthority);
        var backoff = Backoff.ForApi();
        while (true)
        {
            try
            {
                return await Enrolment.Enrol(http, state, options.Enrolment, time, cancel);
            }
            catch (ApiUnavailableException failure) when (!failure.IsRefusal)
            {
                var delay = backoff.Failed(failure.RetryAfter);
                await Console.Error.WriteLineAsync($"{failure.Message} Next try in {delay.TotalSeconds:0.0} s.");
                await Task.Delay(delay, time, cancel);
            }
            catch (ApiUnavailableException refused)
            {
                await Console.Error.WriteLineAsync(refused.Message);
                return null;
            }
        }
    }

    /// <summary>Where to connect to: a listener on every address is asked on loopback.</summary>
    private static IPEndPoint ListenerOf(string text)
    {
        var parsed = IPEndPoint.Parse(
            text.StartsWith(':') || text.StartsWith('*') ? "0.0.0.0" + text.TrimStart('*') : text);
        return parsed.Address.Equals(IPAddress.Any) ? new IPEndPoint(IPAddress.Loopback, parsed.Port)
            : parsed.Address.Equals(IPAddress.IPv6Any) ? new IPEndPoint(IPAddress.IPv6Loopback, parsed.Port)
            : parsed;
    }
}
