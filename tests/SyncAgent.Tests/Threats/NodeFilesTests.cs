using System.Diagnostics;
using SyncAgent.HAProxy;
using SyncAgent.Local;
using SyncAgent.Tests.HAProxy;
using SyncAgent.Tests.Syncing;
using SyncAgent.Tokens;

namespace SyncAgent.Tests.Threats;

/// <summary>Path traversal, the admin socket, and what lies on a node's disk.</summary>
public sealed class NodeFilesTests : IAsyncLifetime
{
    private readonly TestAuthority _authority = new();
    private RealHaproxy _proxy = null!;

    public async ValueTask InitializeAsync() => _proxy = await RealHaproxy.Start();

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        _authority.Dispose();
    }

    /// <summary>Fails when a name becomes a path by joining alone.</summary>
    [Theory]
    [InlineData("../../etc/cron.d/x")]
    [InlineData("..")]
    [InlineData("a.example.com/../../b.example.com")]
    [InlineData("/etc/passwd")]
    [InlineData("a.example.com\0.pem")]
    public void Path_traversal_no_name_leads_out_of_the_directory(string name)
    {
        Assert.Null(ServedName.TryParse(name));
        Assert.Null(_proxy.Directories.NameOf($"{_proxy.Certificates}/{name}.pem"));
    }

    /// <summary>Fails when a stage or a bundle is written or read through a link.</summary>
    [Fact]
    public async Task Path_traversal_links_in_the_certificate_directory_are_neither_read_nor_written_through()
    {
        await using var api = await ApiStandIn.Start();
        var (shop, other) = (_authority.Issue("shop.example.com"), _authority.Issue("other.example.com"));
        var victim = Path.Combine(_proxy.Home, "victim");
        File.WriteAllText(victim, other.Pem);
        var path = _proxy.PathOf(shop.Hostname);
        File.CreateSymbolicLink(path.Value, victim);
        File.CreateSymbolicLink(Path.Combine(_proxy.Certificates, path.Name.StageFileName), victim);
        var files = new BundleFiles(_proxy.Directories);
        Assert.Throws<System.Security.Cryptography.CryptographicException>(() => files.Read(path.Name));
        using (var payload = shop.ToPayload())
        {
            await files.Stage(path.Name, payload, CancellationToken.None);
        }

        Assert.Equal(other.Pem, File.ReadAllText(victim));

        await using var agent = await RunningAgent.Start(_proxy, api, _authority);
        api.Want(shop);
        await Eventually.True(() => api.IsServing(shop), () => $"it is served. {agent.Log.Text}");

        Assert.Equal(other.Pem, File.ReadAllText(victim));
        Assert.Null(new FileInfo(path.Value).LinkTarget);
    }

    /// <summary>Fails when the token store is read through a link, of a directory or of a file.</summary>
    [Fact]
    public void Path_traversal_links_in_the_token_store_are_not_followed()
    {
        var root = Directory.CreateDirectory(Path.Combine(_proxy.Home, "store")).FullName;
        var secret = Path.Combine(_proxy.Home, "secret");
        File.WriteAllText(secret, "secret");
        var outside = Directory.CreateDirectory(Path.Combine(_proxy.Home, "outside")).FullName;
        File.WriteAllText(Path.Combine(outside, "9"), "outside");
        Directory.CreateSymbolicLink(Path.Combine(root, "link.example.com"), outside);
        var shop = Directory.CreateDirectory(Path.Combine(root, "shop.example.com")).FullName;
        File.CreateSymbolicLink(Path.Combine(shop, "9"), secret);
        var tokens = new TokenDirectory(root, TimeProvider.System);

        Assert.Null(tokens.FindFileAuth(ServedName.TryParse("link.example.com")!));
        Assert.Null(tokens.FindFileAuth(ServedName.TryParse("shop.example.com")!)?.Value);
        File.WriteAllText(Path.Combine(shop, "8"), "eight");
        Assert.Equal("eight", tokens.FindFileAuth(ServedName.TryParse("shop.example.com")!)?.Value);
    }

    /// <summary>Fails when the written configuration gives the socket another mode. connect(2) asks for the right to
    /// write, and so does this.</summary>
    [Fact]
    public void Admin_socket_is_its_owners_alone_and_another_user_is_denied()
    {
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_proxy.SocketPath));
        Assert.Contains(
            "mode 600 level admin", File.ReadAllText(_proxy.ConfigurationFile), StringComparison.Ordinal);

        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can ask as another user.");
        // So that it is the socket that denies, and not its directory.
        File.SetUnixFileMode(_proxy.Home, (UnixFileMode)0b111_101_101);
        Assert.Equal(1, AsNobody("test", "-w", _proxy.SocketPath));
        Assert.Equal(0, AsNobody("test", "-S", _proxy.SocketPath));
        File.SetUnixFileMode(_proxy.SocketPath, (UnixFileMode)0b110_110_110);
        Assert.Equal(0, AsNobody("test", "-w", _proxy.SocketPath));
    }

    /// <summary>Fails when any file of the agent's state, or a bundle, can be read by another user.</summary>
    [Fact]
    public async Task Keys_on_disk_are_their_owners_alone()
    {
        await using var api = await ApiStandIn.Start();
        await using var agent = await RunningAgent.Start(_proxy, api, _authority);
        var shop = _authority.Issue("shop.example.com");
        api.Want(shop);
        await Eventually.True(() => api.IsServing(shop), () => $"it is served. {agent.Log.Text}");

        var state = RunningAgent.OptionsFor(_proxy, api).StateDirectory;
        var files = Directory.GetFiles(state).Append(_proxy.PathOf(shop.Hostname).Value).ToArray();
        Assert.Contains(Path.Combine(state, "high-water.json"), files);
        Assert.Contains(Path.Combine(state, "sealing.key"), files);
        Assert.All(
            files,
            file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(state));
    }

    private static int AsNobody(params string[] command)
    {
        using var asked = Process.Start("runuser", ["-u", "nobody", "--", .. command]);
        asked.WaitForExit();
        return asked.ExitCode;
    }
}
