using System.Security.Authentication;

namespace SyncAgent.Tests.HAProxy;

/// <summary>What the real HAProxy does with a crt-list beside a directory: the ground under a lowest version of TLS for
/// each name.</summary>
public sealed class CrtListFacts : IDisposable
{
    private readonly TestAuthority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Fact]
    public async Task Of_two_entries_for_one_name_the_first_counts_until_it_is_deleted()
    {
        await using var proxy = RealHaproxy.Prepare();
        var a = _authority.Issue("a.example.com");
        var path = proxy.PathOf(a.Hostname);
        File.WriteAllText(path.Value, a.Pem);
        await proxy.Run();
        var add = $"add ssl crt-list {path.Directory.Tls13List} <<\n{path.Tls13Entry}\n\n";

        Assert.EndsWith("Success!\n\n", proxy.Ask(add), StringComparison.Ordinal);
        Assert.Equal(a.Fingerprint, await proxy.Visit(a.Hostname, SslProtocols.Tls12));
        proxy.Ask($"del ssl crt-list {proxy.Certificates} {path}\n");
        await RefusesTls12(proxy, a);
        proxy.Ask($"add ssl crt-list {proxy.Certificates} {path}\n");
        await RefusesTls12(proxy, a);
        proxy.Ask($"del ssl crt-list {path.Directory.Tls13List} {path}\n");
        Assert.Equal(a.Fingerprint, await proxy.Visit(a.Hostname, SslProtocols.Tls12));
    }

    [Fact]
    public async Task A_list_that_stands_before_the_directory_counts_from_the_start_on()
    {
        await using var proxy = RealHaproxy.Prepare();
        var a = _authority.Issue("a.example.com");
        var path = proxy.PathOf(a.Hostname);
        File.WriteAllText(path.Value, a.Pem);
        File.WriteAllText(path.Directory.Tls13List, path.Tls13Entry + "\n");
        await proxy.Run();

        await RefusesTls12(proxy, a);
        var listed = proxy.Ask($"show ssl crt-list {proxy.Certificates}\n");
        Assert.Contains(path.Value, listed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_line_whose_file_is_missing_stops_the_next_start()
    {
        await using var proxy = RealHaproxy.Prepare();
        var path = proxy.PathOf("a.example.com");
        File.WriteAllText(path.Directory.Tls13List, path.Tls13Entry + "\n");

        var (status, said) = proxy.Check();

        Assert.NotEqual(0, status);
        Assert.Contains("unable to stat", said, StringComparison.Ordinal);
    }

    private static async Task RefusesTls12(RealHaproxy proxy, TestBundle bundle)
    {
        Assert.Contains(
            "alert protocol version", await proxy.Visit(bundle.Hostname, SslProtocols.Tls12), StringComparison.Ordinal);
        Assert.Equal(bundle.Fingerprint, await proxy.Visit(bundle.Hostname));
    }
}
