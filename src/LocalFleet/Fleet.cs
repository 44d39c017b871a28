using System.Collections.Concurrent;
using LocalFleet.Parts;
using LocalFleet.Processes;
using LocalFleet.StandIns;

namespace LocalFleet;

/// <summary>
/// A whole fleet on this machine. Every part can be stopped, killed and started again on its own; disposing ends all of
/// them in order. However this program ends, its children end with it.
/// </summary>
internal sealed class Fleet : IAsyncDisposable
{
    /// <summary>An agent that has run for so long did start.</summary>
    private static readonly TimeSpan Lasting = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<Part, long> _restarted = new();
    private readonly FleetLock _lock;
    private readonly TaskCompletionSource<string> _death = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<IAsyncDisposable> _standIns = [];
    private LocalDns? _dns;

    private Fleet(FleetOptions options, FleetLayout layout, FleetLock held)
    {
        (Options, Layout, _lock) = (options, layout, held);
        Postgres = new Postgres(layout, options.Ports.Postgres);
        Sandbox = new Sandbox(layout, options);
        ControlPlanes = [.. Enumerable.Range(1, options.Replicas)
            .Select(replica => new Parts.ControlPlane(layout, options, replica, Postgres, Sandbox))];
        Haproxies = [.. Enumerable.Range(1, options.Nodes).Select(number => new Haproxy(layout, options, number))];
        Agents = [.. Enumerable.Range(1, options.Nodes).Select(number => new Agent(
            layout, options, number, ControlPlanes[(number - 1) % options.Replicas].Url))];
        Nlb = new Nlb(layout, options);
        foreach (var part in Parts)
        {
            part.WhenDead = OnDeath;
        }
    }

    public FleetOptions Options { get; }

    public FleetLayout Layout { get; }

    /// <summary>The stand-in DNS, for drills that point a name elsewhere.</summary>
    public LocalDns Dns => _dns ?? throw new InvalidOperationException("The fleet was not started.");

    public Postgres Postgres { get; }

    public Sandbox Sandbox { get; }

    public IReadOnlyList<Parts.ControlPlane> ControlPlanes { get; }

    /// <summary>The first replica: the one that a visitor of the API uses.</summary>
    public Parts.ControlPlane ControlPlane => ControlPlanes[0];

    /// <summary>Node n is at n - 1.</summary>
    public IReadOnlyList<Haproxy> Haproxies { get; }

    /// <inheritdoc cref="Haproxies"/>
    public IReadOnlyList<Agent> Agents { get; }

    public Nlb Nlb { get; }

    /// <summary>Told that an agent has ended and is started again, as systemd does on a node: whoever tries faults by
    /// hand kills one. One that does not last is a fault to look at, and so is the end of any other part. Null: an
    /// agent's end is the fleet's as well.</summary>
    public Action<string>? AgentRestarted { get; set; }

    /// <summary>Completes with a sentence and the tail of a log when a part ends that nobody asked to end.</summary>
    public Task<string> Death => _death.Task;

    /// <summary>In the order of starting; they are ended in the opposite one.</summary>
    private IEnumerable<Part> Parts => [Postgres, Sandbox, .. ControlPlanes, .. Haproxies, .. Agents, Nlb];

    /// <summary>Takes the directory and looks at everything that can be in the way. Nothing has been started
    /// yet.</summary>
    /// <exception cref="FleetException">A program is missing, a port taken, or the directory in use.</exception>
    public static Fleet Prepare(FleetOptions options)
    {
        _ = (Programs.Haproxy, Programs.Postgres);
        var layout = new FleetLayout(options);
        var held = FleetLock.Take(layout);
        try
        {
            RequirePorts(options);
            layout.Create();
            return new Fleet(options, layout, held);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Starts everything, enrols the nodes where they are not, and returns when every part answers.</summary>
    /// <param name="tell">Gets one line per finished stage.</param>
    /// <param name="cancellation">Gives up; what was started runs until the fleet is disposed.</param>
    /// <exception cref="FleetException">A part did not start.</exception>
    public async Task StartAsync(Action<string> tell, CancellationToken cancellation)
    {
        await StartStandInsAsync();
        var sandbox = Sandbox.StartAsync(cancellation);
        await Postgres.StartAsync(cancellation);
        await Postgres.CreateDatabaseAsync(cancellation);
        tell($"PostgreSQL on 127.0.0.1:{Options.Ports.Postgres} ({Layout.Database})");
        if (Postgres.IsNew)
        {
            Forget();
        }

        await sandbox;
        tell($"sandbox CA, a stand-in for DigiCert CertCentral, on {Sandbox.Url}");
        FleetKeys.EnsureVaultKey(this);
        foreach (var replica in ControlPlanes)
        {
            await replica.StartAsync(cancellation);
            tell($"control plane on {replica.Url} (Swagger UI at {replica.Url}/swagger, "
                + $"support console at {replica.Url}/console)");
        }

        await FleetKeys.EnsureAsync(this, cancellation);
        await Task.WhenAll(Haproxies.Select(haproxy => haproxy.StartAsync(cancellation)));
        await Enrolment.EnsureAsync(this, cancellation);
        await Task.WhenAll(Agents.Select(agent => agent.StartAsync(cancellation)));
        await Nlb.StartAsync(cancellation);
        await Enrolment.WaitUntilServingAsync(this, cancellation);
        tell($"{Options.Nodes} nodes, HAProxy with an agent each, behind a stand-in for the NLB on "
            + $"127.0.0.1:{Options.Ports.NlbHttps} and :{Options.Ports.NlbHttp}");
    }

    public async ValueTask DisposeAsync()
    {
        await Nlb.StopAsync();
        await Task.WhenAll(Agents.Select(agent => agent.StopAsync()));
        await Task.WhenAll(Haproxies.Select(haproxy => haproxy.StopAsync()));
        await Task.WhenAll(ControlPlanes.Select(replica => replica.StopAsync()));
        await Sandbox.StopAsync();
        await Postgres.StopAsync();
        foreach (var part in Parts)
        {
            await part.DisposeAsync();
        }

        foreach (var standIn in Enumerable.Reverse(_standIns))
        {
            await standIn.DisposeAsync();
        }

        _lock.Dispose();
    }

    private static void RequirePorts(FleetOptions options)
    {
        var taken = options.Ports.All(options.Nodes, options.Replicas).Where(p => !FleetPorts.IsFree(p.Port))
            .Select(p => $"port {p.Port}, wanted for {p.Use}, is in use by "
                + (PortOwner.Find(p.Port) ?? "a process of another user"))
            .ToList();
        if (taken.Count > 0)
        {
            throw new FleetException(
                string.Join('\n', taken.Select(t => char.ToUpperInvariant(t[0]) + t[1..] + "."))
                + "\nNothing was started. End what holds them, or move the fleet: --port-offset 500");
        }
    }

    private async Task StartStandInsAsync()
    {
        var log = TextWriter.Synchronized(
            new StreamWriter(Layout.Log("stand-in-dns"), append: true) { AutoFlush = true });
        _dns = new LocalDns(Options.Ports.Dns, log);
        _standIns.Add(_dns);
        using var authority = new InternalAuthority(TimeProvider.System);
        await File.WriteAllTextAsync(Layout.ApplicationAuthority, authority.Pem);
        for (var number = 1; number <= 2; number++)
        {
            _standIns.Add(await ApplicationServer.StartAsync(number, Options.Ports.Application(number), authority));
        }
    }

    /// <summary>A new database knows neither our keys nor our nodes, whatever the directory remembers.</summary>
    private void Forget()
    {
        File.Delete(Layout.PortalKey);
        File.Delete(Layout.AdminKey);
        for (var number = 1; number <= Options.Nodes; number++)
        {
            if (Directory.Exists(Layout.Node(number)))
            {
                Directory.Delete(Layout.Node(number), recursive: true);
            }
        }
    }

    private void OnDeath(Part part, int status)
    {
        var time = TimeProvider.System;
        if (part is Agent && AgentRestarted is { } tell
            && (!_restarted.TryGetValue(part, out var last) || time.GetElapsedTime(last) > Lasting))
        {
            _restarted[part] = time.GetTimestamp();
            tell($"{part.Name} has ended by itself, with exit status {status}; it is started again.");
            _ = RestartAsync(part);
            return;
        }

        _death.TrySetResult(
            $"{part.Name} has ended by itself, with exit status {status}. The end of {part.LogFile}:\n"
            + LogTail.Of(part.LogFile, 15));
    }

    private async Task RestartAsync(Part part)
    {
        try
        {
            await part.RelaunchAsync();
        }
        catch (Exception fault)
        {
            // Nobody awaits this: whatever it was, the fleet is not whole.
            _death.TrySetResult($"{part.Name} has ended and could not be started again: {fault.Message}");
        }
    }
}
