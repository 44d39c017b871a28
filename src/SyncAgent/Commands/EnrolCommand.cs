using System.CommandLine;
using ControlPlane.Drills;
using SyncAgent.ControlPlaneApi;
using SyncAgent.Local;

namespace SyncAgent.Commands;

/// <summary>The options of joining, which <c>run</c> takes too for a node's first start.</summary>
internal sealed class EnrolOptions(bool isRequired)
{
    private readonly Option<string> _api = MakeApi();

    private readonly Option<string?> _apiAuthority = new("--api-ca")
    {
        Description = "PEM file with the roots to trust for the control plane, in place of the system's",
    };

    private readonly Option<string> _joinCodeFile = new("--join-code-file")
    {
        Required = isRequired,
        Description = "File with the one-time join code (a file, because arguments are visible to every user)",
    };

    private readonly Option<string> _name = new("--name")
    {
        Required = isRequired,
        Description = "The node's name in its fleet",
    };

    private readonly Option<string> _httpEndpoint = new("--http-endpoint")
    {
        Required = isRequired,
        Description = "address:port at which the control plane reaches this node's port 80",
    };

    public Option<string> State { get; } = new("--state")
    {
        Required = true,
        Description = "Identity, keys and manifest",
    };

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _api, _apiAuthority, State, _joinCodeFile, _name, _httpEndpoint })
        {
            command.Add(option);
        }
    }

    public Uri ApiOf(ParseResult parsed) => new(parsed.GetRequiredValue(_api), UriKind.Absolute);

    public string? ApiAuthorityOf(ParseResult parsed) => parsed.GetValue(_apiAuthority);

    private static Option<string> MakeApi()
    {
        var api = new Option<string>("--api") { Required = true, Description = "The control plane's base address" };
        api.Validators.Add(given =>
        {
            if (!Uri.TryCreate(given.GetValueOrDefault<string>(), UriKind.Absolute, out var uri)
                || (uri.Scheme != Uri.UriSchemeHttps && !(uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback)))
            {
                given.AddError(
                    "--api must be an https:// address; http:// only on loopback, because whoever stands between would "
                    + "read the join code and could answer in the control plane's place.");
            }
        });
        return api;
    }

    /// <returns>null unless all three were given and the join code can be read.</returns>
    public EnrolmentOptions? Read(ParseResult parsed)
    {
        return parsed.GetValue(_joinCodeFile) is { } file && File.Exists(file)
            && parsed.GetValue(_name) is { } name
            && parsed.GetValue(_httpEndpoint) is { } endpoint
            ? new EnrolmentOptions(File.ReadAllText(file).Trim(), name, endpoint)
            : null;
    }
}

/// <summary><c>sync-agent enroll</c>: joins a fleet once.</summary>
internal static class EnrolCommand
{
    public static Command Make()
    {
        var options = new EnrolOptions(isRequired: true);
        var command = new Command(
            "enroll", "Joins a fleet with a one-time join code. The node's private keys never leave it.");
        options.AddTo(command);
        command.SetAction((parsed, cancel) => Enrol(
            options.ApiOf(parsed), options.ApiAuthorityOf(parsed), parsed.GetRequiredValue(options.State),
            options.Read(parsed), cancel));
        return command;
    }

    private static async Task<int> Enrol(
        Uri api, string? authority, string stateDirectory, EnrolmentOptions? options, CancellationToken cancel)
    {
        var state = new StateDirectory(stateDirectory);
        using var known = NodeIdentity.TryLoad(state);
        if (known is not null)
        {
            await Console.Out.WriteLineAsync($"Already enrolled as {known} in fleet {known.Card.FleetName}.");
            return 0;
        }

        if (options is null)
        {
            await Console.Error.WriteLineAsync("The join code's file cannot be read.");
            return 1;
        }

        try
        {
            using var http = AgentHost.MakeHttpClient(api, authority);
            using var identity = await Enrolment.Enrol(http, state, options, ShiftedClock.FromEnvironment(), cancel);
            await Console.Out.WriteLineAsync($"Enrolled as {identity} in fleet {identity.Card.FleetName}.");
            return 0;
        }
        catch (ApiUnavailableException failure)
        {
            await Console.Error.WriteLineAsync(failure.Message);
            return 1;
        }
    }
}
