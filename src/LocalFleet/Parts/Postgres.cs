using System.Globalization;
using LocalFleet.Processes;

namespace LocalFleet.Parts;

/// <summary>
/// A PostgreSQL cluster of this fleet alone: no other cluster of the machine is touched. It listens on loopback TCP and
/// asks for a password; it has no unix socket, whose path would have to stay short.
/// </summary>
internal sealed class Postgres(FleetLayout layout, int port) : Part("postgresql", layout)
{
    private const string Superuser = "postgres";
    private const string Database = "controlplane";
    private const string Runner = "controlplane_run";

    private readonly string _bin = Programs.Postgres;

    /// <summary>True when this start made the cluster: whatever the fleet's directory remembers of an older one is
    /// void.</summary>
    public bool IsNew { get; private set; }

    /// <summary>For the control plane: a role that owns nothing, and may not change what is written once and for
    /// all.</summary>
    public string ConnectionString => As(Runner);

    /// <summary>For its migrations, and for drills that damage rows: an ordinary role that owns the database.</summary>
    public string OwnerConnectionString => As(Database);

    private string Password => FleetLayout.SecretIn(Layout.DatabasePassword);

    private string Data => Path.Combine(Layout.Database, "data");

    /// <summary>PostgreSQL refuses to run as root. Debian's package makes this user.</summary>
    private static string? User => System.Environment.IsPrivilegedProcess ? "postgres" : null;

    /// <summary>Makes roles and database where they are missing. After the first start.</summary>
    public async Task CreateDatabaseAsync(CancellationToken cancellation)
    {
        // On standard input, so that no password is in a command line. \gexec runs what the query returns, if anything.
        await AskAsync($"""
            SELECT 'CREATE ROLE {Database} LOGIN PASSWORD ''{Password}'''
                WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{Database}') \gexec
            SELECT 'CREATE ROLE {Runner} LOGIN PASSWORD ''{Password}'''
                WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{Runner}') \gexec
            SELECT 'CREATE DATABASE {Database} OWNER {Database}'
                WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{Database}') \gexec
            """, cancellation);
    }

    protected override async Task<ChildStart> DescribeAsync(CancellationToken cancellation)
    {
        if (Directory.Exists(Data) && !File.Exists(Layout.DatabasePassword))
        {
            // A checkout was removed and its cluster, which root keeps elsewhere, was not. Without password and vault
            // key it is of use to nobody, and would only refuse the new one.
            await EndOrphanAsync();
            Directory.Delete(Data, recursive: true);
        }

        IsNew = !Directory.Exists(Data);
        if (IsNew)
        {
            await CreateClusterAsync(cancellation);
        }

        RequireOwnVersion();
        await EndOrphanAsync();
        return Program(
            "postgres",
            ["-D", Data, "-c", "listen_addresses=127.0.0.1", "-c", $"port={port}", "-c", "unix_socket_directories=",
                "-c", "max_connections=300"]) with
        {
            // INT is PostgreSQL's fast stop: it does not wait for clients. QUIT ends it at once, recovery at the next
            // start.
            StopSignal = Signals.Interrupt,
            DeathSignal = Signals.Quit,
        };
    }

    protected override async Task<bool> IsReadyAsync(CancellationToken cancellation)
    {
        var asked = Program("pg_isready", ["-q", "-h", "127.0.0.1", "-p", $"{port}", "-d", "postgres"]);
        var (status, _, _) = await Tool.TryAsync(asked, cancellation);
        return status == 0;
    }

    private async Task CreateClusterAsync(CancellationToken cancellation)
    {
        Directory.CreateDirectory(
            Layout.Database, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        // A file: as another user, initdb may not open the pipe that is its standard input.
        var password = Path.Combine(Layout.Database, "password");
        FleetLayout.WriteSecret(password, Password + "\n");
        if (User is not null)
        {
            await Tool.RunAsync(
                new ChildStart("/bin/chown", [$"{User}:{User}", Layout.Database, password]), cancellation);
        }

        // Under another name first: a half-made cluster of an interrupted run is not taken for a whole one.
        var making = Data + ".new";
        if (Directory.Exists(making))
        {
            Directory.Delete(making, recursive: true);
        }

        var initdb = Program(
            "initdb",
            [
                "-D", making, "-U", Superuser, "-E", "UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256",
                $"--pwfile={password}",
            ]);
        await Tool.RunAsync(initdb, cancellation);
        File.Delete(password);
        Directory.Move(making, Data);
    }

    private void RequireOwnVersion()
    {
        var made = File.ReadAllText(Path.Combine(Data, "PG_VERSION")).Trim();
        var major = Path.GetFileName(Path.GetDirectoryName(_bin));
        if (int.TryParse(major, out _) && made != major)
        {
            throw new FleetException(
                $"{Data} was made by PostgreSQL {made}, installed is {major}. `make clean` removes it, with all its "
                + "domains.");
        }
    }

    /// <summary>
    /// After a power cut postmaster.pid names a process that may be anybody by now, and PostgreSQL would refuse to
    /// start. We hold the fleet's lock, so that a living server on this directory can only be an orphan of ours.
    /// </summary>
    private async Task EndOrphanAsync()
    {
        var file = Path.Combine(Data, "postmaster.pid");
        if (!File.Exists(file))
        {
            return;
        }

        var first = File.ReadLines(file).FirstOrDefault();
        if (int.TryParse(first, CultureInfo.InvariantCulture, out var pid) && IsServerOf(pid))
        {
            Signals.Send(pid, Signals.Interrupt);
            var time = TimeProvider.System;
            for (var started = time.GetTimestamp(); IsServerOf(pid);)
            {
                if (time.GetElapsedTime(started) > TimeSpan.FromSeconds(30))
                {
                    throw new FleetException($"A PostgreSQL server (pid {pid}) holds {Data} and does not end.");
                }

                await Task.Delay(TimeSpan.FromMilliseconds(100), time);
            }
        }

        File.Delete(file);
    }

    private bool IsServerOf(int pid)
    {
        var commandLine = $"/proc/{pid}/cmdline";
        try
        {
            return File.ReadAllText(commandLine).Split('\0').Contains(Data);
        }
        catch (IOException)
        {
            return false;
        }
    }

    private string As(string role) =>
        $"Host=127.0.0.1;Port={port};Database={Database};Username={role};Password={Password}";

    private Task<string> AskAsync(string sql, CancellationToken cancellation) => Tool.RunAsync(
        Program(
            "psql",
            ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", $"{port}", "-U", Superuser, "postgres"])
            with
        { Environment = new Dictionary<string, string?> { ["PGPASSWORD"] = Password } },
        cancellation,
        sql);

    private ChildStart Program(string name, IReadOnlyList<string> arguments) =>
        new(Path.Combine(_bin, name), arguments) { User = User };
}
