using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EndToEnd.Tests.Harness;

/// <summary>
/// What must hold after every fault, whatever it was: nothing lost, nothing bought twice, nothing crossed, nothing
/// untold. Asked of the database, the CA, the disks, HAProxy's memory and the listeners themselves; no part's report
/// about itself is believed.
/// </summary>
internal static class Invariants
{
    /// <summary>Waits until every domain has come to rest, then checks all four. Faults must be switched off and killed
    /// parts started again; orders bought twice must have been given the time to be found.</summary>
    public static async Task CheckAsync(TestFleet test, CancellationToken ct)
    {
        var domains = await NothingLostAsync(test, ct);
        await NothingBoughtTwiceAsync(test, domains, ct);
        await NothingCrossedAsync(test, domains, ct);
        EventTrail.Check(await DatabaseFacts.OrdersAsync(test, ct), await DatabaseFacts.EventsAsync(test, ct));
    }

    /// <summary>Every accepted name is still there, and active unless its deletion was asked for.</summary>
    private static async Task<IReadOnlyList<DomainFact>> NothingLostAsync(TestFleet test, CancellationToken ct)
    {
        IReadOnlyList<DomainFact> domains = [];
        await Eventually.TrueAsync(
            async () =>
            {
                domains = await DatabaseFacts.DomainsAsync(test, ct);
                return domains.All(domain => domain.Status is "Active" or "Deleted");
            },
            () => "Not at rest: " + string.Join(
                "; ", domains.Where(domain => domain.Status is not ("Active" or "Deleted"))));
        var known = domains.Select(domain => domain.Hostname).ToHashSet();
        Assert.All(test.Accepted, name => Assert.Contains(name, known));
        return domains;
    }

    /// <summary>The orders that are live at the CA are those that we hold certificates from, however many of each: a
    /// reissue is not a purchase. And nothing there still waits for us.</summary>
    private static async Task NothingBoughtTwiceAsync(
        TestFleet test, IReadOnlyList<DomainFact> domains, CancellationToken ct)
    {
        var bought = await SandboxFacts.LiveByNameAsync(test, ct);
        foreach (var domain in domains.Where(domain => domain.Status == "Active"))
        {
            Assert.True(
                bought.GetValueOrDefault(domain.Hostname) == domain.CaOrders,
                $"{domain.Hostname}: {bought.GetValueOrDefault(domain.Hostname)} live at the CA, certificates "
                + $"of {domain.CaOrders} collected");
        }

        Assert.Empty(await SandboxFacts.PendingNamesAsync(test, ct));
    }

    private static async Task NothingCrossedAsync(
        TestFleet test, IReadOnlyList<DomainFact> domains, CancellationToken ct)
    {
        var wanted = domains.Where(domain => domain.Status == "Active")
            .ToDictionary(domain => domain.Hostname, domain => domain.Fingerprint!);
        var gone = domains.Select(domain => domain.Hostname).Where(name => !wanted.ContainsKey(name)).Distinct()
            .ToList();
        for (var node = 1; node <= test.Fleet.Options.Nodes; node++)
        {
            // A node that was just restarted has 60 s to prove itself again; what it never does is serve the wrong
            // thing.
            string? fault = null;
            await Eventually.TrueAsync(
                async () => (fault = await FaultOfNodeAsync(test, node, wanted, gone, ct)) is null,
                () => $"Node {node}: {fault}");
        }
    }

    /// <returns>The first thing that is not as it should be; null when all is well.</returns>
    private static async Task<string?> FaultOfNodeAsync(
        TestFleet test, int node, Dictionary<string, string> wanted, List<string> gone, CancellationToken ct)
    {
        var haproxy = test.Fleet.Haproxies[node - 1];
        // Which names refuse TLS 1.2: a list that is always there. And what was adopted, set aside for people.
        var onDisk = Directory.EnumerateFiles(haproxy.Certificates).Select(Path.GetFileName)
            .Where(file => file != ".tls13.list" && !file!.EndsWith(".adopted", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);
        var expected = wanted.Keys.Select(name => name + ".pem").Order(StringComparer.Ordinal);
        if (!onDisk.SequenceEqual(expected))
        {
            return $"the disk holds {string.Join(", ", onDisk)}";
        }

        try
        {
            var held = (await RuntimeSocket.AskAsync(haproxy.AdminSocket, "show ssl cert"))
                .Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#').ToHashSet();
            if (!held.SetEquals(wanted.Keys.Select(name => FileOf(haproxy.Certificates, name))))
            {
                return $"memory holds {string.Join(", ", held)}";
            }

            foreach (var (name, fingerprint) in wanted)
            {
                if (await FaultOfNameAsync(test, node, name, fingerprint, ct) is { } fault)
                {
                    return $"{name}: {fault}";
                }
            }

            foreach (var name in gone)
            {
                if (await IsServedAsync(test, node, name))
                {
                    return $"{name} is deleted and still served";
                }
            }

            return null;
        }
        catch (Exception away) when (away is SocketException or IOException)
        {
            return away.Message;
        }
    }

    private static async Task<string?> FaultOfNameAsync(
        TestFleet test, int node, string name, string fingerprint, CancellationToken ct)
    {
        var haproxy = test.Fleet.Haproxies[node - 1];
        var file = FileOf(haproxy.Certificates, name);
        using var leaf = X509Certificate2.CreateFromPem(await File.ReadAllTextAsync(file, ct));
        if (Convert.ToHexStringLower(SHA256.HashData(leaf.RawData)) != fingerprint)
        {
            return "the file holds another leaf";
        }

        var memory = await RuntimeSocket.AskAsync(haproxy.AdminSocket, $"show ssl cert {file}");
        // SHA-1 is what HAProxy 2.6 prints, and what .NET calls the thumbprint.
        if (!memory.Contains($"SHA1 FingerPrint: {leaf.Thumbprint}", StringComparison.Ordinal)
            || !memory.Contains("Status: Used", StringComparison.Ordinal))
        {
            return $"memory says {memory}";
        }

        try
        {
            var served = await test.VisitAsync(node, name);
            return served == fingerprint ? null : $"a visitor is shown {served}";
        }
        catch (Exception refused) when (refused is AuthenticationException or OperationCanceledException)
        {
            return $"a visitor meets {refused.Message}";
        }
    }

    private static async Task<bool> IsServedAsync(TestFleet test, int node, string name)
    {
        try
        {
            await test.VisitAsync(node, name);
            return true;
        }
        catch (Exception refused) when (refused is AuthenticationException or IOException)
        {
            return false;
        }
    }

    private static string FileOf(string directory, string name) => Path.Combine(directory, name + ".pem");
}
