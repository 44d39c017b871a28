using System.Runtime.InteropServices;
using LocalFleet.Processes;

namespace LocalFleet;

/// <summary>Finds the programs that a fleet consists of, ours and the distribution's.</summary>
internal static class Programs
{
    private const string Install = "`make up` installs it; by hand: sudo sh src/LocalFleet/install-tools.sh";

    public static string Haproxy => FindOnPath("haproxy")
        ?? throw new FleetException($"HAProxy is not installed. {Install}");

    /// <summary>The directory of the newest PostgreSQL server's programs.</summary>
    public static string Postgres => Versions()
        .Concat([Path.GetDirectoryName(FindOnPath("initdb"))])
        .FirstOrDefault(bin => bin is not null && File.Exists(Path.Combine(bin, "initdb")))
        ?? throw new FleetException($"PostgreSQL's server is not installed. {Install}");

    /// <summary>One of our own programs, as <c>dotnet X.dll</c> would start it.</summary>
    /// <param name="project">The project's name, which is the assembly's.</param>
    /// <param name="arguments">The program's own.</param>
    public static ChildStart Own(string project, params IReadOnlyList<string> arguments) =>
        new(DotNet, [Assembly(project), .. arguments])
        {
            // Where its settings file is looked for.
            WorkingDirectory = Path.GetDirectoryName(Assembly(project))!,
        };

    /// <summary>Behind others on the same cores, as the agent's unit has it: LocalFleet's machine is a node,
    /// too.</summary>
    public static ChildStart Nice(ChildStart start) =>
        start with { Program = "nice", Arguments = ["-n", "5", start.Program, .. start.Arguments] };

    // The runtime that runs us runs them too: a user's own installation is often not on the path of a child.
    private static string DotNet { get; } = Path.GetFullPath(
        Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));

    /// <summary>
    /// In a build everything is at artifacts/bin/&lt;Project&gt;/&lt;configuration&gt;/, in an image in sibling
    /// folders. Our own assembly may have been copied beside a test's: the place is looked for from there as well.
    /// </summary>
    private static string Assembly(string project)
    {
        var here = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        var up = Path.GetDirectoryName(here)!;
        string[] places =
        [
            Path.Combine(Path.GetDirectoryName(up) ?? "/", project, Path.GetFileName(here), project + ".dll"),
            Path.Combine(up, project, project + ".dll"),
        ];
        return places.FirstOrDefault(File.Exists)
            ?? throw new FleetException($"{project} was not built: neither {string.Join(" nor ", places)} is there.");
    }

    private static IEnumerable<string> Versions() => Directory.Exists("/usr/lib/postgresql")
        ? Directory.EnumerateDirectories("/usr/lib/postgresql")
            .OrderByDescending(d => int.TryParse(Path.GetFileName(d), out var version) ? version : 0)
            .Select(d => Path.Combine(d, "bin"))
        : [];

    private static string? FindOnPath(string program) =>
        // An ordinary user's path has no sbin on Debian.
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
            .Concat(["/usr/sbin", "/usr/local/sbin", "/usr/bin"])
            .Where(directory => directory.Length > 0)
            .Select(directory => Path.Combine(directory, program))
            .FirstOrDefault(File.Exists);
}
