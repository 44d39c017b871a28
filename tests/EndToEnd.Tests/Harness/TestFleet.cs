using System.Collections.Concurrent;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using LocalFleet;
using LocalFleet.Up;
using Tests;

namespace EndToEnd.Tests.Harness;

/// <summary>A fleet of a test's own: own directories, own ports beside a running <c>make up</c>, nothing left at the
/// end.</summary>
internal sealed class TestFleet : IAsyncDisposable
{
    private readonly DirectoryInfo _database;
    private readonly ConcurrentQueue<string> _accepted = [];

    private TestFleet(Fleet fleet, DirectoryInfo database) => (Fleet, _database) = (fleet, database);

    public Fleet Fleet { get; }

    /// <summary>With the portal's key.</summary>
    public ApiClient Api { get; private set; } = null!;

    public ApiClient Admin { get; private set; } = null!;

    /// <summary>Names whose registration was answered with success: none of them may ever be lost.</summary>
    public IReadOnlyCollection<string> Accepted => _accepted;

    public static async Task<TestFleet> StartAsync(Func<FleetOptions, FleetOptions>? change = null)
    {
        // Beside the fleet's directory and not inside: as root, PostgreSQL runs as another user.
        var database = Directory.CreateDirectory($"{DatabaseRoot.Path}/fleet-db-{Guid.NewGuid():N}");
        var options = new FleetOptions
        {
            Directory = Directory.CreateTempSubdirectory("fleet-").FullName,
            DatabaseDirectory = database.FullName,
        };
        options = change?.Invoke(options) ?? options;
        var fleet = Fleet.Prepare(options with { Ports = FleetPorts.FindFree(options.Nodes, options.Replicas) });
        var test = new TestFleet(fleet, database);
        try
        {
            await fleet.StartAsync(_ => { }, CancellationToken.None);
            test.Api = ApiClient.For(fleet);
            test.Admin = ApiClient.ForAdmin(fleet);
            return test;
        }
        catch
        {
            await test.DisposeAsync();
            throw;
        }
    }

    /// <summary>Registers a name at the first replica, or at another one.</summary>
    public async Task<DomainView> RegisterAsync(string hostname, ApiClient? at = null)
    {
        var domain = await (at ?? Api).RegisterAsync(hostname, CancellationToken.None);
        _accepted.Enqueue(hostname);
        return domain;
    }

    /// <summary>Registers sample names and waits until each is active.</summary>
    public async Task<IReadOnlyList<DomainView>> ActivateAsync(int count)
    {
        var names = LocalNames.Samples(Fleet.Options.Seed).Take(count).ToList();
        foreach (var name in names)
        {
            await RegisterAsync(name);
        }

        return await WaitUntilActiveAsync(names);
    }

    /// <summary>Waits until each of the names is active, and there once.</summary>
    public async Task<IReadOnlyList<DomainView>> WaitUntilActiveAsync(IReadOnlyCollection<string> names)
    {
        IReadOnlyList<DomainView> domains = [];
        await Eventually.TrueAsync(
            async () =>
            {
                domains = [.. (await Api.ListAsync(CancellationToken.None)).Where(d => names.Contains(d.Hostname))];
                return domains.Count == names.Count && domains.All(d => d.IsActive);
            },
            () => string.Join('\n', domains.Select(d => $"{d.Hostname}: {d.Status}, {d.WaitingOn}, {d.Reason}")));
        return domains;
    }

    /// <summary>The fingerprint that a node shows for a name, checked against the sandbox's root.</summary>
    public async Task<string> VisitAsync(int node, string hostname, SslProtocols only = SslProtocols.None)
    {
        using var root = X509Certificate2.CreateFromPem(await File.ReadAllTextAsync(Fleet.Layout.RootCertificate));
        return await Handshakes.VisitAsync(
            Fleet.Options.Ports.NodeHttps(node), hostname, root, CancellationToken.None, only);
    }

    public async ValueTask DisposeAsync()
    {
        Api?.Dispose();
        Admin?.Dispose();
        await Fleet.DisposeAsync();
        Directory.Delete(Fleet.Layout.Root, recursive: true);
        if (Directory.Exists(Fleet.Layout.Sockets))
        {
            Directory.Delete(Fleet.Layout.Sockets, recursive: true);
        }

        _database.Delete(recursive: true);
    }
}
