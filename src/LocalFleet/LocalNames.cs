namespace LocalFleet;

/// <summary>The names of a local fleet. All end in <c>.example</c>, which nobody can own (RFC 2606).</summary>
internal static class LocalNames
{
    /// <summary>What customers point their CNAME at.</summary>
    public const string Edge = "edge.saas.example";

    /// <summary>The name in the application servers' certificates.</summary>
    public const string Application = "app.internal";

    /// <summary>Every name below it leads to <see cref="Edge"/>.</summary>
    public const string Customers = "customers.example";

    /// <summary>Whether the stand-in DNS knows the name. A user may register any other, to see how waiting looks; it
    /// never becomes active here, so that nothing waits for it.</summary>
    public static bool LeadsHere(string hostname) => hostname.EndsWith("." + Customers, StringComparison.Ordinal);

    private static readonly string[] First =
    [
        "amber", "birch", "cedar", "coral", "delta", "ember", "fern", "granite", "harbor", "indigo", "juniper",
        "kestrel",
        "lilac", "maple", "north", "olive", "pebble", "quartz", "river", "saffron",
    ];

    private static readonly string[] Second =
    [
        "bakery", "books", "cycles", "dental", "florist", "garage", "gym", "hotel", "kitchen", "law", "music", "optics",
        "pharmacy", "pottery", "roasters", "school", "studio", "tailor", "travel", "wines",
    ];

    /// <summary>Distinct names, the same for the same seed: any of them is as good a customer as the next.</summary>
    public static IEnumerable<string> Samples(int seed)
    {
        var pairs = (from first in First from second in Second select $"{first}-{second}").ToArray();
        new Random(seed).Shuffle(pairs);
        for (var round = 1; ; round++)
        {
            foreach (var pair in pairs)
            {
                yield return round == 1 ? $"shop.{pair}.{Customers}" : $"shop{round}.{pair}.{Customers}";
            }
        }
    }
}
