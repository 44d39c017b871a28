using LocalFleet;
using LocalFleet.Parts;
using Npgsql;

namespace Benchmarks.Bed;

/// <summary>
/// A fleet of a scenario's own, made of the parts that <c>make up</c> starts: own directories, free ports, nothing left
/// at the end. The programs run as in production: what LocalFleet leaves out of short-lived processes is put back.
/// </summary>
internal sealed class BenchFleet : IAsyncDisposable
{
    /// <summary>Of the runtime: what makes long-lived processes faster is on unless these say otherwise.</summary>
    private static readonly string[] Tuning =
        ["DOTNET_TC_CallCountThreshold", "DOTNET_TC_CallCountingDelayMs", "DOTNET_TieredPGO", "DOTNET_gcServer"];

    private readonly DirectoryInfo _database;
    private NpgsqlDataSource? _owner;

    private BenchFleet(Fleet fleet, DirectoryInfo database)
    {
        (Fleet, _database) = (fleet, database);
        foreach (var name in Tuning)
        {
            foreach (var part in new Part[] { fleet.ControlPlane, fleet.Agents[0] })
            {
                part.Environment[name] = null;
            }
        }
    }

    public Fleet Fleet { get; }

    public Uri Api => new(Fleet.ControlPlane.Url);

    public int ApiPid => Fleet.ControlPlane.Pid;

    /// <summary>As the owner of the tables.</summary>
    public NpgsqlDataSource Owner => _owner ?? throw new InvalidOperationException("The fleet was not started.");

    /// <summary>The id of the fleet that the node and all domains belong to.</summary>
    public Guid Id { get; private set; }

    /// <summary>Nothing runs yet.</summary>
    public static BenchFleet Prepare()
    {
        // Beside the fleet's directory and not inside: as root, PostgreSQL runs as another user.
        var database = Directory.CreateTempSubdirectory("bench-db-");
        var home = Directory.CreateTempSubdirectory("bench-");
        try
        {
            return new BenchFleet(
                Fleet.Prepare(new FleetOptions
                {
                    Directory = home.FullName,
                    DatabaseDirectory = database.FullName,
                    Ports = FleetPorts.FindFree(nodes: 1, replicas: 1),
                    Nodes = 1,
                    ControlPlaneSettings = new Dictionary<string, string?>
                    {
                        // All agents of a scenario call from one address; in a fleet each has one of its own.
                        ["Http__Rates__Anonymous__PerSecond"] = "100000",
                        ["Http__Rates__Anonymous__Burst"] = "100000",
                        // They ask faster than an agent does that also has bundles to load.
                        ["Http__Rates__Node__PerSecond"] = "100000",
                        ["Http__Rates__Node__Burst"] = "100000",
                        // The rate at which a stolen node may read is a policy, not what is measured.
                        ["Nodes__ReleasesPerMinute"] = "1000000",
                    },
                }),
                database);
        }
        catch
        {
            home.Delete(recursive: true);
            database.Delete(recursive: true);
            throw;
        }
    }

    /// <summary>PostgreSQL and one control plane, without a node.</summary>
    public async Task StartApiAsync(CancellationToken stop)
    {
        // The control plane wants the sandbox's root certificate at its start.
        var sandbox = Fleet.Sandbox.StartAsync(stop);
        await Fleet.Postgres.StartAsync(stop);
        await Fleet.Postgres.CreateDatabaseAsync(stop);
        FleetKeys.EnsureVaultKey(Fleet);
        await sandbox;
        await Fleet.ControlPlane.StartAsync(stop);
        await ConnectAsync(stop);
    }

    /// <summary>Everything, with one node that trusts <paramref name="authority"/> beside the sandbox CA.</summary>
    public async Task StartWholeAsync(BenchAuthority authority, CancellationToken stop)
    {
        await Fleet.StartAsync(_ => { }, stop);
        // Nothing but the agent's reports and the scenario's own visits shall reach the listener.
        await Fleet.Nlb.StopAsync();
        await File.AppendAllTextAsync(Fleet.Layout.RootCertificate, "\n" + authority.RootPem, stop);
        await Fleet.Agents[0].StopAsync();
        await Fleet.Agents[0].StartAsync(stop);
        await ConnectAsync(stop);
    }

    /// <summary>Measures on a whole fleet of its own, with one node and nothing published yet.</summary>
    public static async Task<Outcome> MeasureAsync(
        Func<BenchFleet, CertifiedDomains, CancellationToken, Task<Outcome>> measure, CancellationToken stop)
    {
        using var authority = new BenchAuthority(TimeProvider.System);
        await using var bench = Prepare();
        await bench.StartWholeAsync(authority, stop);
        return await bench.UnlessDeadAsync(
            async token =>
            {
                var certified = new CertifiedDomains(bench, authority);
                await certified.Rows.PrepareAsync(authority.Intermediate, token);
                return await measure(bench, certified, token);
            },
            stop);
    }

    /// <summary>Gives up as soon as a part of the fleet dies.</summary>
    /// <exception cref="FleetException">A part ended that nobody had asked to end.</exception>
    public async Task<T> UnlessDeadAsync<T>(Func<CancellationToken, Task<T>> work, CancellationToken stop)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var working = work(ends.Token);
        if (await Task.WhenAny(working, Fleet.Death) == working)
        {
            return await working;
        }

        await ends.CancelAsync();
        await ((Task)working).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        throw new FleetException(await Fleet.Death);
    }

    public async ValueTask DisposeAsync()
    {
        if (_owner is not null)
        {
            await _owner.DisposeAsync();
        }

        await Fleet.DisposeAsync();
        Directory.Delete(Fleet.Layout.Root, recursive: true);
        if (Directory.Exists(Fleet.Layout.Sockets))
        {
            Directory.Delete(Fleet.Layout.Sockets, recursive: true);
        }

        _database.Delete(recursive: true);
    }

    private async Task ConnectAsync(CancellationToken stop)
    {
        _owner = NpgsqlDataSource.Create(Fleet.Postgres.OwnerConnectionString + ";Command Timeout=120");
        await using var command = _owner.CreateCommand("SELECT id FROM fleets WHERE name = 'local'");
        Id = (Guid)(await command.ExecuteScalarAsync(stop))!;
    }
}
