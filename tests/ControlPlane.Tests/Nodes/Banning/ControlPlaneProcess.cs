using System.Diagnostics;
using System.Net;
using ControlPlane.Database;
using ControlPlane.Vault;

namespace ControlPlane.Tests.Nodes.Banning;

/// <summary>The program as a child, that it may die of SIGKILL at a point of its own choosing. No DNS and no CA: an
/// order it opens waits for its customer.</summary>
internal sealed class ControlPlaneProcess(PostgresDatabase database) : IAsyncDisposable
{
    /// <summary>128 + SIGKILL.</summary>
    public const int Killed = 137;

    private readonly string _folder = Directory.CreateTempSubdirectory("cp-kill-").FullName;
    private readonly string _url = $"http://127.0.0.1:{FreePort.Next()}";
    private Process? _process;

    public string KeyFile => Path.Combine(_folder, "kek");

    public HttpClient Http { get; private set; } = null!;

    /// <summary>Starts it and waits until it answers; the first time with a fresh key-encryption key.</summary>
    /// <param name="crashAt">The point at which it dies; none when null.</param>
    public async Task StartAsync(string? crashAt = null)
    {
        if (!File.Exists(KeyFile))
        {
            LocalKeyFile.Create(KeyFile);
            Directory.CreateDirectory(Path.Combine(_folder, "tokens"));
            Http = new HttpClient { BaseAddress = new Uri(_url) };
        }

        var start = new ProcessStartInfo("dotnet", ["exec", typeof(ControlPlaneDb).Assembly.Location])
        {
            WorkingDirectory = _folder,
        };
        foreach (var (key, value) in new Dictionary<string, string?>
        {
            ["ASPNETCORE_URLS"] = _url,
            ["Logging__LogLevel__Default"] = "None",
            ["ConnectionStrings__ControlPlane"] = database.ConnectionString,
            ["Vault__KeyFile"] = KeyFile,
            ["CertCentral__ApiKey"] = "never-used",
            ["TokenStore__Directory"] = Path.Combine(_folder, "tokens"),
            ["Fleet__CnameTarget"] = "edge.controlplane.example",
            ["Dns__Servers__0"] = "127.0.0.1:9",
            ["CRASH_AT"] = crashAt,
        })
        {
            start.Environment[key] = value;
        }

        _process?.Dispose();
        _process = Process.Start(start)!;
        await Eventually.TrueAsync(async () =>
        {
            Assert.False(_process.HasExited, "It ended before it answered.");
            try
            {
                using var answer = await Http.GetAsync("/healthz");
                return answer.StatusCode == HttpStatusCode.OK;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });
    }

    /// <summary>Its exit status, once it has died by itself.</summary>
    public async Task<int> DeathAsync()
    {
        await _process!.WaitForExitAsync().WaitAsync(Eventually.Deadline);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }

        Http?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
