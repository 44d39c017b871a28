using EndToEnd.Tests.Harness;
using LocalFleet;
using LocalFleet.Up;

namespace EndToEnd.Tests;

/// <summary>A file of names on real parts: <c>make up ARGS="--domains 3000 --import"</c>, smaller.</summary>
[Collection(nameof(SharedFleet))]
public sealed class ImportDrillTests(SharedFleet shared)
{
    [Fact]
    public async Task Names_of_a_file_become_active_once_each_and_a_repeat_changes_nothing()
    {
        const int Names = 40;
        var test = shared.Fleet;
        var names = Enumerable.Range(1, Names).Select(n => $"import{n}.{LocalNames.Customers}").ToList();
        var told = new List<string>();

        await new NameImport(test.Api, told.Add).RunAsync(names, CancellationToken.None);

        var domains = await test.WaitUntilActiveAsync(names);
        Assert.Equal(names.ToHashSet(), domains.Select(d => d.Hostname).ToHashSet());
        Assert.Contains(told, line => line.Contains($"{Names} unchanged", StringComparison.Ordinal));
        var counts = await test.Fleet.Sandbox.CountAsync(names.ToHashSet(), CancellationToken.None);
        Assert.Equal(Names, counts.Orders);
        Assert.Equal(domains[0].Fingerprint, await test.VisitAsync(1, domains[0].Hostname));
        await Invariants.CheckAsync(test, CancellationToken.None);
    }
}
