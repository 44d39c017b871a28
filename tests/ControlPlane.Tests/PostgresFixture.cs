using System.Diagnostics;
using ControlPlane.Database;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

[assembly: AssemblyFixture(typeof(ControlPlane.Tests.PostgresFixture))]

namespace ControlPlane.Tests;

/// <summary>
/// A private PostgreSQL server for one test run, started when the first test asks for a database. It listens on a unix
/// socket only, and ends with the run however the run ends: a shell that holds its pid waits for the end of our pipe.
/// CONTROLPLANE_TEST_DATABASE may name a server to use instead, as a connection string of a user who may create
/// databases.
/// </summary>
public sealed class PostgresFixture : IAsyncLifetime
{
    private readonly string _folder = $"{DatabaseRoot.Path}/cp-pg-{Guid.NewGuid().ToString("N")[..12]}";

    private readonly SemaphoreSlim _starting = new(1);
    private readonly List<string> _databases = [];
    private string? _migrated;
    private string? _server = Environment.GetEnvironmentVariable("CONTROLPLANE_TEST_DATABASE") is { Length: > 0 } given
        ? given
        : null;

    private Process? _keeper;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>Makes an empty database and returns its connection string.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        await _starting.WaitAsync();
        try
        {
            return ConnectionTo(await CreateAsync("template1"));
        }
        finally
        {
            _starting.Release();
        }
    }

    /// <summary>Makes a database with all tables and returns its connection string. Migrations run once for all tests:
    /// each database is a copy of the first.</summary>
    public async Task<string> CreateMigratedDatabaseAsync()
    {
        await _starting.WaitAsync();
        try
        {
            if (_migrated is null)
            {
                var first = await CreateAsync("template1");
                // Nobody may be connected to what is copied.
                await using var source = NpgsqlDataSource.Create(ConnectionTo(first) + ";Pooling=false");
                await new Migrator(source, TimeProvider.System, NullLogger<Migrator>.Instance).MigrateAsync(default);
                _migrated = first;
            }

            return ConnectionTo(await CreateAsync(_migrated));
        }
        finally
        {
            _starting.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        if (_keeper is not null)
        {
            _keeper.StandardInput.Close();
            await _keeper.WaitForExitAsync();
            _keeper.Dispose();
            Directory.Delete(_folder, recursive: true);
        }
        else if (_server is not null)
        {
            foreach (var database in _databases)
            {
                await ExecuteAsync(_server, $"DROP DATABASE IF EXISTS {database} WITH (FORCE)");
            }
        }

        _starting.Dispose();
    }

    private async Task<string> CreateAsync(string template)
    {
        var name = $"test_{Guid.NewGuid():N}";
        _server ??= await StartAsync();
        await ExecuteAsync(_server, $"CREATE DATABASE {name} TEMPLATE {template}");
        _databases.Add(name);
        return name;
    }

    private string ConnectionTo(string name) =>
        new NpgsqlConnectionStringBuilder(_server) { Database = name, MaxPoolSize = 30 }.ConnectionString;

    private async Task<string> StartAsync()
    {
        string[] owner = Environment.IsPrivilegedProcess ? ["-o", "postgres"] : [];
        using (var install = Process.Start("install", ["-d", "-m", "700", .. owner, _folder]))
        {
            await install.WaitForExitAsync();
        }

        // Durability is switched off: a test's database dies with its run, and before anything in it needs to be
        // vacuumed. 300 connections serve two apps of 40 per class.
        _keeper = Start(
            """
            "$1/initdb" -D "$2/data" -U postgres --auth=trust --no-locale -E UTF8 --no-sync >"$2/log" 2>&1 || exit 1
            "$1/postgres" -D "$2/data" -c listen_addresses= -c unix_socket_directories="$2" -c max_connections=300 \
              -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off >>"$2/log" 2>&1 &
            server=$!
            cat >/dev/null
            kill -INT $server
            wait $server
            """);
        var server = $"Host={_folder};Username=postgres;Database=postgres;Timeout=5";
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (true)
        {
            try
            {
                await ExecuteAsync(server, "SELECT 1");
                return server;
            }
            catch (NpgsqlException refused) when (!_keeper.HasExited && !deadline.IsCancellationRequested)
            {
                // Not up yet; the next look is after the shortest pause a scheduler gives.
                Debug.WriteLine(refused.Message);
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
            }
            catch (NpgsqlException refused)
            {
                var log = Path.Combine(_folder, "log");
                throw new InvalidOperationException(
                    $"PostgreSQL did not start: {(File.Exists(log) ? await File.ReadAllTextAsync(log) : "no log")}",
                    refused);
            }
        }
    }

    private Process Start(string script)
    {
        string[] command = ["sh", "-c", script, "sh", Programs(), _folder];
        var start = Environment.IsPrivilegedProcess
            ? new ProcessStartInfo("runuser", ["-u", "postgres", "--", .. command])
            : new ProcessStartInfo(command[0], command[1..]);
        start.RedirectStandardInput = true;
        start.WorkingDirectory = "/";
        return Process.Start(start)!;
    }

    /// <summary>Debian keeps the server's programs out of PATH.</summary>
    private static string Programs() =>
        Directory.GetDirectories("/usr/lib/postgresql").Select(version => Path.Combine(version, "bin"))
            .Where(folder => File.Exists(Path.Combine(folder, "initdb"))).Order(StringComparer.Ordinal).LastOrDefault()
        ?? throw new InvalidOperationException("PostgreSQL is not installed (apt-get install postgresql).");

    private static async Task ExecuteAsync(string server, string sql)
    {
        await using var connection = new NpgsqlConnection(server + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
