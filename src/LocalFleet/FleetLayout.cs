using System.Security.Cryptography;
using System.Text;

namespace LocalFleet;

/// <summary>Where a fleet keeps what.</summary>
internal sealed class FleetLayout
{
    // HAProxy binds to "<path>.<pid>.tmp" and renames; with that the kernel's limit of 107 bytes must hold.
    private const int LongestSocketDirectory = 70;

    private readonly string? _database;

    public FleetLayout(FleetOptions options)
    {
        Root = Path.GetFullPath(options.Directory).TrimEnd('/');
        Hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Root)))[..12];
        _database = options.DatabaseDirectory;
        Sockets = Encoding.UTF8.GetByteCount(Root) + "/run".Length <= LongestSocketDirectory
            ? In("run")
            : Path.Combine("/tmp", $"controlplane-{Environment.UserName}-{Hash}");
    }

    public string Root { get; }

    /// <summary>Tells the things of this directory apart from another fleet's, where they have to be kept
    /// elsewhere.</summary>
    public string Hash { get; }

    public string Sockets { get; }

    public string Logs => In("logs");

    /// <summary>Held while the fleet runs; <c>make clean</c> asks for it too.</summary>
    public string Lock => In("lock");

    public string RootCertificate => In("sandbox-root.pem");

    public string PortalKey => In("api-key");

    public string AdminKey => In("admin-key");

    public string SandboxKey => In("sandbox-key");

    /// <summary>The control plane's settings for a shell, so that its command line can be tried here.</summary>
    public string ControlPlaneSettings => In("controlplane.env");

    public string DatabasePassword => In("database-password");

    public string SandboxState => In("sandbox");

    public string Tokens => In("tokens");

    public string VaultKey => In("vault-key");

    public string ApplicationAuthority => In("application-ca.pem");

    public string NlbConfiguration => In("nlb.cfg");

    /// <summary>The database's directory. PostgreSQL refuses root, and the user it runs as instead may not enter
    /// /root.</summary>
    public string Database => _database
        ?? (Environment.IsPrivilegedProcess ? $"/var/lib/controlplane-{Hash}" : In("pg"));

    public string Node(int number) => In($"node{number}");

    public string Log(string part) => Path.Combine(Logs, part + ".log");

    public void Create()
    {
        try
        {
            const UnixFileMode Own = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
            Directory.CreateDirectory(Root, Own);
            Directory.CreateDirectory(Logs, Own);
            Directory.CreateDirectory(Tokens, Own);
            Directory.CreateDirectory(Sockets, Own);
            // Proves that the directories are ours: another user may have made them before us.
            File.SetUnixFileMode(Sockets, Own);
            foreach (var log in Directory.EnumerateFiles(Logs, "*.log"))
            {
                File.Delete(log);
            }
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new FleetException(
                $"{Root} can not be written ({e.Message}). Was it made by another user? "
                + "Remove it as that user, or choose another with --fleet-dir.", e);
        }
    }

    /// <summary>Writes a file that only its owner may read.</summary>
    public static void WriteSecret(string path, string text)
    {
        File.Delete(path);
        using var file = new StreamWriter(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        file.Write(text);
    }

    /// <summary>The secret in a file; made on first use.</summary>
    public static string SecretIn(string path)
    {
        if (!File.Exists(path))
        {
            WriteSecret(path, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)));
        }

        return File.ReadAllText(path).Trim();
    }

    private string In(string name) => Path.Combine(Root, name);
}
